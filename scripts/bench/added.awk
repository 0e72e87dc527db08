# Reads TRACER|CALL|NS|CALL|NS|CALL|NS: before the tracer, after it, with it; prints a markdown table of what it adds.
#
# What else a shared machine does comes for seconds at a time, and only ever makes calls dearer. So the dearer half of the
# rounds is left out, with a tracer and without, and what counts is the median of the rest.

{
	if (!seen[$1]++) names[++count] = $1
	with[$1, $2, ++rounds[$1, $2]] = $7
	bare["", $2, ++rounds["", $2]] = $3
	bare["", $2, ++rounds["", $2]] = $5
}

# What `share` of the values kept for a tracer and a call are no more than.
function quantile(share, kept, tracer, call,    n, i, j, value, sorted) {
	n = rounds[tracer, call]
	for (i = 1; i <= n; i++) {
		value = kept[tracer, call, i]
		for (j = i - 1; j > 0 && sorted[j] > value; j--) sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
	return sorted[1 + int(share * (n - 1))]
}

# The median of the quieter half.
function quiet(kept, tracer, call) {
	return quantile(1 / 4, kept, tracer, call)
}

function added(tracer, call) {
	return seen[tracer] ? quiet(with, tracer, call) - quiet(bare, "", call) : 0
}

function ratio(ns, tracer, call,    base) {
	base = added(tracer, call)
	return base > 0 ? sprintf("%.2f", ns / base) : "-"
}

function cells(tracer, call,    ns) {
	ns = added(tracer, call)
	return sprintf("%+d | %s | %s", ns, ratio(ns, "floor: name and record", call), ratio(ns, "opensnoop", call))
}

END {
	print "\n| ns added to | a failed open | of floor | of opensnoop | an open and close | of floor | of opensnoop | a failed look-up | an unrelated call |"
	print "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
	printf "| (no tracer) | (%d) | | | (%d) | | | (%d) | (%d) |\n", \
		quiet(bare, "", "failed"), quiet(bare, "", "opened"), quiet(bare, "", "lookup"), \
		quiet(bare, "", "unrelated")
	for (i = 1; i <= count; i++)
		printf "| %s | %s | %s | %+d | %+d |\n", names[i], cells(names[i], "failed"), cells(names[i], "opened"), \
			added(names[i], "lookup"), added(names[i], "unrelated")
	printf "\nHow quiet it was: without a tracer a failed open took %d to %d ns in the middle half of %d measurements.\n", \
		quantile(1 / 4, bare, "", "failed"), quantile(3 / 4, bare, "", "failed"), rounds["", "failed"]
}
