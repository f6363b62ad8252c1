# Puts the mutants of the lists into a copy of the engine, each behind the question whether it is the one that lives.
# usage: awk -v engine=FOLDER [-v index_=FILE] -f apply.awk LIST...   Numbers count from 1 in the order of the lists.
#
# A list has paragraphs:   NAME FILE [K]    FILE below engine/
#                          - ORIGINAL       an expression, a statement, or 'if (...) {', on one line, found once in FILE, or its K-th place there
#                          + MUTANT         what stands in its place
#                          $ TEST           the command that fails then
# Several mutants may have the same original. `index_` gets a line for each: number, name, file, test, original, mutant.

function fail(text) { print "apply.awk: " text > "/dev/stderr"; failed = 1; exit 1 }

function close_mutant() {
  if (name == "") return
  if (original == "" || test == "") fail("mutant '" name "': needs lines that start with '-', '+' and '$'")
  if (name in number_of) fail("mutant '" name "': there are two of this name")
  number_of[name] = ++mutants
  names[mutants] = name; files[mutants] = file; places[mutants] = place; originals[mutants] = original; texts[mutants] = text; tests[mutants] = test
  name = original = text = test = ""
}

/^#/ { next }
/^- / { original = substr($0, 3); next }
/^\+/ { text = substr($0, 3); next }
/^\$ / { test = substr($0, 3); next }
/^$/ { close_mutant(); next }
NF == 2 || NF == 3 { close_mutant(); name = $1; file = $2; place = $3 + 0; next }
{ fail(FILENAME ":" FNR ": expected 'NAME FILE [K]', or a line that starts with '- ', '+ ' or '$ '") }

# Of 'if (C) {' and 'while (C) {', C; everything else is what it is.
function condition(code) {
  return code ~ /^(if|while) \(.*\) \{$/ ? substr(code, index(code, "(") + 1, length(code) - index(code, "(") - 3) : code
}

function is_statement(code) { return code ~ /[;}]$/ }

# The text that takes the place of `code`: all its mutants, and itself.
function mutated(code, path, place,   i, result, close_, head) {
  head = condition(code) == code ? "" : substr(code, 1, index(code, "("))
  for (i = 1; i <= mutants; i++) {
    if (files[i] != path || originals[i] != code || places[i] != place) continue
    if (is_statement(code)) {
      result = result "if (vmbsave::is_mutant(" i ")) { " texts[i] " } else "
    } else {
      result = result "(vmbsave::is_mutant(" i ") ? (" condition(texts[i]) ") : "
      close_ = close_ ")"
    }
  }
  return is_statement(code) ? "{ " result "{ " code " } }" : head result "(" condition(code) ")" close_ (head == "" ? "" : ") {")
}

# Where `text` is found again behind `at`; 0: nowhere.
function next_(line, text, at,   step) {
  step = index(substr(line, at + 1), text)
  return step == 0 ? 0 : at + step
}

function apply(path,   times, lines, line, n, i, k, at, from, found, where, column, out, order, j, t) {
  n = 0
  while ((getline line < (engine "/" path)) > 0) lines[++n] = line
  close(engine "/" path)
  if (n == 0) fail("no such file: " path)
  found = 0
  for (i = 1; i <= mutants; i++) {
    if (files[i] != path || (path, originals[i], places[i]) in seen) continue
    seen[path, originals[i], places[i]] = 1
    where = times = 0
    for (k = 1; k <= n; k++) {
      for (at = index(lines[k], originals[i]); at != 0; at = next_(lines[k], originals[i], at)) {
        times++
        if (places[i] != 0 && times != places[i]) continue
        if (where != 0) fail("mutant '" names[i] "': found twice in " path ": " originals[i])
        where = k
        column = at
      }
    }
    if (where == 0) fail("mutant '" names[i] "': not found in " path ": " originals[i])
    at_line[++found] = where
    at_column[found] = column
    code[found] = originals[i]
    at_place[found] = places[i]
  }
  # From the right, so that columns stay true.
  for (i = 1; i <= found; i++) order[i] = i
  for (i = 2; i <= found; i++) {
    for (j = i; j > 1 && at_column[order[j]] > at_column[order[j - 1]]; j--) { t = order[j]; order[j] = order[j - 1]; order[j - 1] = t }
  }
  for (i = 1; i <= found; i++) {
    k = at_line[order[i]]
    at = at_column[order[i]]
    t = code[order[i]]
    if (substr(lines[k], at, length(t)) != t || (k in taken && at + length(t) > taken[k])) {
      fail("mutants overlap in " path ": " t)
    }
    taken[k] = at
    lines[k] = substr(lines[k], 1, at - 1) mutated(t, path, at_place[order[i]]) substr(lines[k], at + length(t))
  }
  delete taken
  out = engine "/" path
  for (k = 1; k <= n; k++) print lines[k] > out
  close(out)
}

END {
  if (failed) exit 1
  close_mutant()
  for (i = 1; i <= mutants; i++) {
    if (!(files[i] in done)) { done[files[i]] = 1; apply(files[i]) }
    if (index_ != "") printf "%d\t%s\t%s\t%s\t%s\t%s\n", i, names[i], files[i], tests[i], originals[i], texts[i] > index_
  }
}
