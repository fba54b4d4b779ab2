package island

import "time"

// Advance sets the time, at which versions expire. The next update compiles the islands of
// which one has expired since; no other island changes.
func (m *Map) Advance(now time.Time) { m.now = now }

// NextExpiry is when the next version expires; zero for never.
func (m *Map) NextExpiry() time.Time {
	var next time.Time
	for i := range m.expiring {
		if next.IsZero() || i.expires.Before(next) {
			next = i.expires
		}
	}
	return next
}

// expire has islands compiled of which a version has expired.
func (u *updating) expire() {
	for i := range u.expiring {
		if !u.now.Before(i.expires) {
			u.due[i] = struct{}{}
		}
	}
}

// noteExpiry notes when the next version of an island expires that was just compiled.
func (m *Map) noteExpiry(i *Island) {
	i.expires = time.Time{}
	for j := range i.Result.Services {
		for k := range i.Result.Services[j].Versions {
			v := &i.Result.Services[j].Versions[k]
			if !v.Expires.IsZero() && !v.Expired && (i.expires.IsZero() || v.Expires.Before(i.expires)) {
				i.expires = v.Expires
			}
		}
	}
	set(m.expiring, i, !i.expires.IsZero())
}
