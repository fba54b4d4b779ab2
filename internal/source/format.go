package source

import "bytes"

// format is one of files that hold no text in UTF-8.
type format struct {
	// magic is what such a file begins with.
	magic string
	// name says what the file is, tool what makes UTF-8 of it.
	name, tool string
}

// formats are tried in turn: the mark of UTF-32 begins with that of UTF-16.
var formats = []format{
	{"\x1f\x8b", "compressed with gzip", "gunzip -c"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd -dc"},
	{"\xfd7zXZ\x00", "compressed with xz", "xz -dc"},
	{"BZh91AY&SY", "compressed with bzip2", "bzip2 -dc"},
	{"PK\x03\x04", "a zip archive", "unzip -p"},
	{"\xff\xfe\x00\x00", "UTF-32", "iconv -f UTF-32 -t UTF-8"},
	{"\x00\x00\xfe\xff", "UTF-32", "iconv -f UTF-32 -t UTF-8"},
	{"\xff\xfe", "UTF-16", "iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "UTF-16", "iconv -f UTF-16 -t UTF-8"},
}

// formatOf returns the format of a file that begins with start, nil if it may be text
// in UTF-8. Without a mark, UTF-16 is told by its zeros: manifests begin with ASCII.
func formatOf(start []byte) *format {
	for i := range formats {
		if bytes.HasPrefix(start, []byte(formats[i].magic)) {
			return &formats[i]
		}
	}
	if len(start) < 4 {
		return nil
	}
	switch zero := func(at int) bool { return start[at] == 0 }; {
	case zero(0) && !zero(1) && zero(2) && !zero(3):
		return &format{name: "UTF-16", tool: "iconv -f UTF-16BE -t UTF-8"}
	case !zero(0) && zero(1) && !zero(2) && zero(3):
		return &format{name: "UTF-16", tool: "iconv -f UTF-16LE -t UTF-8"}
	}
	return nil
}

// fix says how to have such a file read.
func (f *format) fix() string {
	return "convert it to UTF-8 first, as in: " + f.tool + " FILE | overrides generate -f -"
}
