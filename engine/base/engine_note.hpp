// engine_note.hpp: an ELF note, which each program and shared object has that the engine was linked into: found in it
// when its symbols are hidden or stripped. Nobody's code or data.
#pragma once

// namesz, descsz, type, name; no description.
asm(".pushsection .note.vmbsave, \"a\", %note\n"
    "  .balign 4\n"
    "  .long 8, 0, 1\n"
    "  .asciz \"vmbsave\"\n"
    "  .popsection\n");
