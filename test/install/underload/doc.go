// Package underload installs, upgrades and uninstalls the Helm chart on a local mesh,
// which runs the chart's pods, under a load of requests that are judged by the version
// that served them.
//
// The Services shop and cart have a released version and previews, which requests ask for
// as soon as they are overridable; Overrides leaves control, with the pods of shop,
// alone: Overrides is not the cause of its failures. The previews of shop are deleted
// before the chart is uninstalled, as docs/install.md advises; those of cart stay.
package underload
