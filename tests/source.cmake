# Tests of the sources: the public headers by each compiler, the documentation, each header alone.
function(vmbsave_add_compile_test name)
  add_test(NAME embed.${name}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/compiles ${ARGN}
      -I${PROJECT_SOURCE_DIR}/engine/include embed/kmcl_surface.c
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(embed.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60)
endfunction()
set(msvc_target --target=x86_64-pc-windows-msvc -ffreestanding)
vmbsave_add_compile_test(kmcl_c11_gcc gcc -std=c11)
vmbsave_add_compile_test(kmcl_c11_clang clang -std=c11)
vmbsave_add_compile_test(kmcl_cpp20_gcc g++ -std=c++20 -x c++)
vmbsave_add_compile_test(kmcl_cpp20_clang clang++ -std=c++20 -x c++)
vmbsave_add_compile_test(kmcl_c11_mingw x86_64-w64-mingw32-gcc -std=c11)
vmbsave_add_compile_test(kmcl_c11_mingw_windows x86_64-w64-mingw32-gcc -std=c11 -include windows.h)
vmbsave_add_compile_test(kmcl_c11_mingw_ntstatus x86_64-w64-mingw32-gcc -std=c11 -include embed/windows_ntstatus.h)
vmbsave_add_compile_test(kmcl_c11_mingw_wdm x86_64-w64-mingw32-gcc -std=c11 -include ddk/wdm.h)
vmbsave_add_compile_test(kmcl_c11_msvc clang ${msvc_target} -std=c11)
vmbsave_add_compile_test(kmcl_cpp20_msvc clang++ ${msvc_target} -std=c++20 -x c++)
add_test(NAME embed.surface_is_whole COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/surface_is_whole)
add_test(NAME embed.coverage_is_whole COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/coverage_is_whole)
foreach(compiler gcc clang)
  add_test(NAME embed.porting_${compiler}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/page_compiles ${PROJECT_SOURCE_DIR}/engine/PORTING.md ${compiler} -std=c11
      -I${PROJECT_SOURCE_DIR}/engine/include)
  set_tests_properties(embed.porting_${compiler} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60)
endforeach()
add_subdirectory(embed embedding)  # beside the program of that name

# Every public symbol has its documentation, and a check that would not notice is noticed.
file(GLOB public_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/engine/include/vmbsave/*)
add_test(NAME docs.public_symbols COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/docs/public_symbols ${public_headers}
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
add_test(NAME docs.undocumented_symbol
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/docs/public_symbols --refuses planted docs/undocumented.h
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(docs.public_symbols docs.undocumented_symbol PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60)

# What the pages on the code name is there, and a page that names something else is noticed.
add_test(NAME docs.named_things
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/docs/named_things engine/README.md engine/ORDERING.md engine/EMBEDDING.md bench/README.md
    bench/vsp/README.md
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
foreach(planted Cut::unfreeze save/thaw.hpp VmbChannelSaveAll)
  string(MAKE_C_IDENTIFIER ${planted} name)
  add_test(NAME docs.unnamed_${name}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/docs/named_things --refuses ${planted} tests/docs/planted.md
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endforeach()

# The record of the mutants is of those that there are.
add_test(NAME docs.mutants
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/mutate/recorded ${PROJECT_SOURCE_DIR}/results/mutation.md)

# Every header compiles on its own.
file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR}/engine CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/engine/*.hpp ${PROJECT_SOURCE_DIR}/engine/*.h)
set(alone)
foreach(header ${headers})
  string(REGEX REPLACE "^include/" "" include ${header})
  string(MAKE_C_IDENTIFIER ${include} name)
  file(CONFIGURE OUTPUT alone/${name}.cpp CONTENT "#include \"${include}\"\n#include \"${include}\"\n" @ONLY)
  list(APPEND alone ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.cpp)
endforeach()
add_library(headers_alone OBJECT ${alone})
target_link_libraries(headers_alone PRIVATE vmbsave::kmcl vmbsave_layers vmbsave_strict)
