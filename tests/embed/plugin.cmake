# VSPs as shared objects: the template that authors copy, what is refused, and the programs that load them.
# With the flags of the build, a sanitizer's too; not into a folder `embed`, which is a test program's name.
add_subdirectory(embed/template template)

# The template, changed by definitions. NAME, then definitions; a side has only the public headers.
function(vmbsave_add_side name)
  add_library(plugin_side_${name} MODULE embed/plugin_side.c)
  target_compile_definitions(plugin_side_${name} PRIVATE ${ARGN})
  target_include_directories(plugin_side_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/engine/include)
  target_link_libraries(plugin_side_${name} PRIVATE vmbsave_strict)
  set_target_properties(plugin_side_${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden)
  set(plugin_sides ${plugin_sides} plugin_side_${name} PARENT_SCOPE)
endfunction()
vmbsave_add_side(no_factory SIDE_NO_FACTORY)
vmbsave_add_side(null SIDE_NULL)
vmbsave_add_side(version SIDE_VERSION=1)
vmbsave_add_side(size SIDE_SIZE=8)
vmbsave_add_side(nameless SIDE_NAME=NULL)
vmbsave_add_side(empty_name SIDE_NAME="")
vmbsave_add_side(odd_name "SIDE_NAME=\"line\\nline\"")
vmbsave_add_side(long_name
  "SIDE_NAME=\"12345678901234567890123456789012345678901234567890123456789012345\"")
vmbsave_add_side(nothing_asked_for SIDE_NOTHING_ASKED_FOR)
vmbsave_add_side(half_a_sender SIDE_HALF_A_SENDER)
vmbsave_add_side(half_a_device SIDE_HALF_A_DEVICE)
vmbsave_add_side(needs_a_function SIDE_NEEDS=vmbs_that_nobody_has)
vmbsave_add_side(needs_a_newer_vmbsave SIDE_NEEDS=VmbChannelFly)
vmbsave_add_side(defines_a_function SIDE_DEFINES_A_FUNCTION)
vmbsave_add_side(no_reference SIDE_NO_REFERENCE)
vmbsave_add_side(leaves_all_out SIDE_LEAVES_ALL_OUT)
vmbsave_add_side(forgets SIDE_FORGETS)
vmbsave_add_side(forgets_without_reference SIDE_FORGETS SIDE_NO_REFERENCE)
vmbsave_add_side(exits SIDE_EXITS_IN_A_SAVE=exit)
vmbsave_add_side(exits_quickly SIDE_EXITS_IN_A_SAVE=quick_exit)
vmbsave_add_side(exits_when_loaded SIDE_EXITS_WHEN_LOADED)
vmbsave_add_side(long_packets SIDE_LONG_PACKETS)
vmbsave_add_side(odd_packets SIDE_ODD_PACKETS)

# An engine that came along: in the object, seen and unseen, stripped, and in a library beside it.
vmbsave_add_side(engine SIDE_KEEPS_ENGINE)
vmbsave_add_side(engine_hidden SIDE_KEEPS_ENGINE)
vmbsave_add_side(engine_stripped SIDE_KEEPS_ENGINE)
foreach(side engine engine_hidden engine_stripped)
  target_link_libraries(plugin_side_${side} PRIVATE vmbsave::kmcl)
  set_target_properties(plugin_side_${side} PROPERTIES LINKER_LANGUAGE CXX C_VISIBILITY_PRESET default)
endforeach()
target_link_options(plugin_side_engine_hidden PRIVATE -Wl,--exclude-libs,ALL)
target_link_options(plugin_side_engine_stripped PRIVATE -Wl,--exclude-libs,ALL -Wl,--gc-sections -s)
foreach(library seen unseen)
  add_library(plugin_engine_${library} SHARED embed/plugin_engine.cpp)
  target_link_libraries(plugin_engine_${library} PRIVATE vmbsave::kmcl vmbsave_strict)
  vmbsave_add_side(beside_${library} SIDE_NEEDS=plugin_engine)
  target_link_libraries(plugin_side_beside_${library} PRIVATE plugin_engine_${library})
endforeach()
target_link_options(plugin_engine_unseen PRIVATE -Wl,--exclude-libs,ALL)

vmbsave_add_test(plugin SOURCES embed/plugin_test.cpp LINK vmbsave_plugin)
vmbsave_add_test(e2e_plugin SOURCES e2e/plugin_test.cpp LINK nlohmann_json::nlohmann_json)
foreach(test plugin e2e_plugin)
  add_dependencies(${test} minivsp ${plugin_sides})
  target_compile_definitions(${test} PRIVATE VMBSAVE_SIDES="$<TARGET_FILE_DIR:plugin_side_null>"
    VMBSAVE_TEMPLATE="$<TARGET_FILE:minivsp>")
endforeach()
add_dependencies(e2e_plugin vmbsave)
target_compile_definitions(e2e_plugin PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_SCHEMAS="${PROJECT_SOURCE_DIR}/bench/report")
if(TARGET vmbsave-bench)
  target_compile_definitions(e2e_plugin PRIVATE VMBSAVE_BENCH_PROGRAM="$<TARGET_FILE:vmbsave-bench>")
  add_dependencies(e2e_plugin vmbsave-bench)
endif()

# As its author builds it: with its own CMakeLists.txt, knowing the headers alone.
add_test(NAME embed.template_builds
  COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/embed/template
    ${CMAKE_CURRENT_BINARY_DIR}/template_alone --build-generator ${CMAKE_GENERATOR}
    --test-command ${CMAKE_COMMAND} -E cat ${CMAKE_CURRENT_BINARY_DIR}/template_alone/CMakeCache.txt)
set_tests_properties(embed.template_builds PROPERTIES TIMEOUT 60)

# What the programs export: the C face, and nothing else of vmbsave's; and no call of theirs takes the way around.
foreach(program vmbsave vmbsave-bench vmbsave-bench-mimalloc)
  if(TARGET ${program})
    add_test(NAME embed.exports_${program}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/exports $<TARGET_FILE:${program}>)
    set_tests_properties(embed.exports_${program} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60)
  endif()
endforeach()

function(vmbsave_add_vsp_compile_test name)
  add_test(NAME embed.${name}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/embed/compiles ${ARGN} -I${PROJECT_SOURCE_DIR}/engine/include
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(embed.${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60)
endfunction()
set(msvc_target --target=x86_64-pc-windows-msvc -ffreestanding)
vmbsave_add_vsp_compile_test(vsp_c11_gcc gcc -std=c11 embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_c11_clang clang -std=c11 embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_cpp20_gcc g++ -std=c++20 -x c++ embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_cpp20_clang clang++ -std=c++20 -x c++ embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_c11_mingw x86_64-w64-mingw32-gcc -std=c11 embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_c11_mingw_windows x86_64-w64-mingw32-gcc -std=c11 -include windows.h embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_c11_msvc clang ${msvc_target} -std=c11 embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(vsp_cpp20_msvc clang++ ${msvc_target} -std=c++20 -x c++ embed/vsp_surface.c)
vmbsave_add_vsp_compile_test(step_c11_gcc gcc -std=c11 embed/step_surface.c)
vmbsave_add_vsp_compile_test(step_c11_clang clang -std=c11 embed/step_surface.c)
vmbsave_add_vsp_compile_test(step_cpp20_gcc g++ -std=c++20 -x c++ embed/step_surface.c)
vmbsave_add_vsp_compile_test(step_c11_mingw x86_64-w64-mingw32-gcc -std=c11 embed/step_surface.c)
vmbsave_add_vsp_compile_test(step_c11_msvc clang ${msvc_target} -std=c11 embed/step_surface.c)
vmbsave_add_vsp_compile_test(template_gcc gcc -std=c11 -Wconversion -Wshadow embed/template/minivsp.c)
vmbsave_add_vsp_compile_test(template_clang clang -std=c11 -Wconversion -Wshadow embed/template/minivsp.c)
