# Reads ROUND|TRACER|CALL|NS, prints a markdown table: the median over the rounds of what each tracer adds.

$2 == "no tracer" { bare[$1, $3] = $4 }

{
	if (!seen[$2]++) names[++count] = $2
	rounds = $1 > rounds ? $1 : rounds
	ns[$1, $2, $3] = $4
}

function sorted(values, n,    i, j, value) {
	for (i = 2; i <= n; i++) {
		value = values[i]
		for (j = i - 1; j > 0 && values[j] > value; j--) values[j + 1] = values[j]
		values[j + 1] = value
	}
}

# The median of what the tracer adds to the call, or of the call itself without a tracer.
function median(tracer, call,    round, values, n) {
	for (round = 1; round <= rounds; round++)
		if ((round, tracer, call) in ns)
			values[++n] = ns[round, tracer, call] - (tracer == "no tracer" ? 0 : bare[round, call])
	sorted(values, n)
	return values[int((n + 1) / 2)]
}

function times(added, tracer, call,    base) {
	base = seen[tracer] ? median(tracer, call) : 0
	return base > 0 ? sprintf("%.2f", added / base) : "-"
}

function cells(tracer, call,    added) {
	added = median(tracer, call)
	if (tracer == "no tracer") return sprintf("(%d) | | ", added)
	return sprintf("+%d | %s | %s", added, times(added, "floor: name and record", call), times(added, "opensnoop", call))
}

END {
	print "\n| ns added to | a failed open | of floor | of opensnoop | an open and close | of floor | of opensnoop | an unrelated call |"
	print "|---|--:|--:|--:|--:|--:|--:|--:|"
	for (i = 1; i <= count; i++) {
		unrelated = median(names[i], "unrelated")
		printf "| %s | %s | %s | %s |\n", names[i], cells(names[i], "failed"), cells(names[i], "opened"), \
			names[i] == "no tracer" ? "(" unrelated ")" : sprintf("%+d", unrelated)
	}
}
