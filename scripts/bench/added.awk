# Reads TRACER|CALL|NS|CALL|NS|CALL|NS: before the tracer, after it, with it; prints a markdown table of the medians of
# what it adds.

{
	if (!seen[$1]++) names[++count] = $1
	n = ++samples[$1, $2]
	added[$1, $2, n] = $7 - ($3 + $5) / 2
	bare["", $2, ++samples["", $2]] = $3
}

# The middle one of the values kept for a tracer and a call.
function median(kept, tracer, call,    n, i, j, value, sorted) {
	n = samples[tracer, call]
	for (i = 1; i <= n; i++) {
		value = kept[tracer, call, i]
		for (j = i - 1; j > 0 && sorted[j] > value; j--) sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
	return sorted[int((n + 1) / 2)]
}

function ratio(ns, tracer, call,    base) {
	base = seen[tracer] ? median(added, tracer, call) : 0
	return base > 0 ? sprintf("%.2f", ns / base) : "-"
}

function cells(tracer, call,    ns) {
	ns = median(added, tracer, call)
	return sprintf("%+d | %s | %s", ns, ratio(ns, "floor: name and record", call), ratio(ns, "opensnoop", call))
}

END {
	print "\n| ns added to | a failed open | of floor | of opensnoop | an open and close | of floor | of opensnoop | an unrelated call |"
	print "|---|--:|--:|--:|--:|--:|--:|--:|"
	printf "| (no tracer) | (%d) | | | (%d) | | | (%d) |\n", \
		median(bare, "", "failed"), median(bare, "", "opened"), median(bare, "", "unrelated")
	for (i = 1; i <= count; i++)
		printf "| %s | %s | %s | %+d |\n", names[i], cells(names[i], "failed"), cells(names[i], "opened"), \
			median(added, names[i], "unrelated")
}
