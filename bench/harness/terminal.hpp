// terminal.hpp: what the terminal is like that the user looks at, if there is one.
#pragma once

namespace vmbsave::bench {

// A terminal that can write over its last line: not a file, a pipe, or TERM=dumb.
bool is_live_terminal(int descriptor);

// $COLUMNS, or how wide the descriptor's terminal is; `otherwise` where neither says a usable number.
unsigned terminal_columns(int descriptor, unsigned otherwise);

// Escape codes for colours: on a live terminal, unless NO_COLOR is set to anything.
bool wants_colour(int descriptor);

}  // namespace vmbsave::bench
