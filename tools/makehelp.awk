# Lists the targets of a Makefile that are explained ("target: ... ## explanation"), in two
# columns and within 100 characters.
/^[a-z0-9-]+:.*## / {
	names[++n] = $1
	texts[n] = $2
	if (length($1) > width) width = length($1)
}
END {
	for (i = 1; i <= n; i++) {
		line = sprintf("  %-" width "s ", names[i])
		count = split(texts[i], words, " ")
		for (j = 1; j <= count; j++) {
			if (length(line) + 1 + length(words[j]) > 100) {
				print line
				line = sprintf("  %" width "s ", "")
			}
			line = line " " words[j]
		}
		print line
	}
}
