# cmake -DSOURCE=DIR -DTEMPLATE=FILE -DOUTPUT=FILE -P commit.cmake
# Writes OUTPUT from TEMPLATE, and only if that changes it: the commit that SOURCE is at, and whether files differ from it
# (new files too; ignored ones do not count). Without git, or where SOURCE is not the top of a work tree: unknown.
cmake_minimum_required(VERSION 3.25)
set(commit unknown)
set(clean -1)

# Someone else's checkout is fine here: it is being built.
function(ask variable)
  execute_process(COMMAND git --no-optional-locks -c safe.directory=${SOURCE} -C ${SOURCE} ${ARGN}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0)
    set(output failed)
  endif()
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()

file(REAL_PATH "${SOURCE}" SOURCE)
ask(top rev-parse --show-toplevel)
if(top STREQUAL SOURCE)
  ask(head rev-parse --verify HEAD)
  ask(changes status --porcelain)
  if(NOT head STREQUAL "failed" AND NOT changes STREQUAL "failed")
    set(commit ${head})
    set(clean 0)
    if(changes STREQUAL "")
      set(clean 1)
    endif()
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
