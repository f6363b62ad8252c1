# Tests of the programs, of the traces that they read and of the reports that they make: where the engine works in them, it
# does so in the others too.
vmbsave_add_test(e2e_replay SOURCES e2e/replay_traces_test.cpp LINK nlohmann_json::nlohmann_json)
target_compile_definitions(e2e_replay PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_SCHEMA="${schemas}/replay.schema.json")
add_dependencies(e2e_replay vmbsave)
vmbsave_add_test(e2e_inspect SOURCES e2e/inspect_test.cpp LINK vmbsave::engine)
target_compile_definitions(e2e_inspect PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/format/golden")
add_dependencies(e2e_inspect vmbsave)
vmbsave_add_test(e2e_tool SOURCES e2e/compare_test.cpp e2e/doctor_test.cpp e2e/output_test.cpp e2e/profile_test.cpp
          e2e/report_differences_test.cpp e2e/tool_test.cpp
  LINK nlohmann_json::nlohmann_json)
target_compile_definitions(e2e_tool PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_SCHEMAS="${schemas}" VMBSAVE_PROFILES="${PROJECT_SOURCE_DIR}/bench/trace"
  VMBSAVE_GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/format/golden" VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results"
  VMBSAVE_ROOT="${PROJECT_SOURCE_DIR}")
add_dependencies(e2e_tool vmbsave)
# The words: --help, and what the documentation says of the programs.
if(TARGET vmbsave-bench)
  vmbsave_add_test(e2e_words SOURCES e2e/flags.cpp e2e/help_test.cpp e2e/readme_test.cpp)
  target_include_directories(e2e_words PRIVATE ${PROJECT_SOURCE_DIR}/bench)
  target_compile_definitions(e2e_words PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>" VMBSAVE_ROOT="${PROJECT_SOURCE_DIR}")
  add_dependencies(e2e_words vmbsave vmbsave-bench)
  vmbsave_add_test(e2e_process SOURCES e2e/signals_test.cpp e2e/terminal_test.cpp LINK util)  # forkpty
  target_compile_definitions(e2e_process PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
    VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results")
  add_dependencies(e2e_process vmbsave vmbsave-bench)
endif()
# The README shows what the committed runs make.
add_test(NAME docs.readme_results COMMAND vmbsave record --check --results results --readme README.md
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(docs.readme_results PROPERTIES TIMEOUT 60)

# The bench. With a sanitizer there are no wrappers around the allocator, and nothing counts.
vmbsave_add_test(unit_report
  SOURCES unit/bar_test.cpp unit/bench_report_test.cpp unit/commit_test.cpp unit/compare_kinds_test.cpp unit/compare_test.cpp unit/doctor_test.cpp unit/intervals_test.cpp
          unit/machine_test.cpp unit/results_test.cpp unit/run_age_test.cpp unit/scaling_test.cpp
  LINK vmbsave_report nlohmann_json::nlohmann_json)
target_compile_definitions(unit_report PRIVATE VMBSAVE_SCHEMAS="${schemas}" VMBSAVE_COMMIT_SCRIPT="${schemas}"
  VMBSAVE_CMAKE="${CMAKE_COMMAND}" VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results")
vmbsave_add_test(unit_page
  SOURCES unit/page_bars_test.cpp unit/page_commands_test.cpp unit/page_curves_test.cpp unit/page_live_test.cpp
          unit/page_load_test.cpp unit/page_svg_test.cpp unit/page_words_test.cpp
  LINK vmbsave_page)
target_compile_definitions(unit_page PRIVATE VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results")
vmbsave_add_test(unit_gate
  SOURCES unit/gate_matrix_test.cpp unit/gate_rules_test.cpp unit/gate_selftest_test.cpp unit/gate_timing_test.cpp
  LINK vmbsave_gate nlohmann_json::nlohmann_json)
set(gate_schema VMBSAVE_GATE_SCHEMA="${PROJECT_SOURCE_DIR}/bench/gate/gate.schema.json")
target_compile_definitions(unit_gate PRIVATE ${gate_schema} VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results"
  VMBSAVE_SELFTEST_SCHEMA="${PROJECT_SOURCE_DIR}/bench/gate/selftest.schema.json")
# A sanitizer's tool runs under no valgrind, and loads no side that was built without it.
if(TARGET vmbsave_gate_entry)
  set(gate_sides good slower slowest larger allocating crashing crashing_at_load other_packets refusing versioned renamed)
  foreach(side ${gate_sides})
    add_library(gate_side_${side} MODULE embed/gate_side.c)
    set_target_properties(gate_side_${side} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden)
    target_include_directories(gate_side_${side} PRIVATE ${PROJECT_SOURCE_DIR}/bench)
    target_link_libraries(gate_side_${side} PRIVATE vmbsave_strict)
  endforeach()
  target_compile_definitions(gate_side_slower PRIVATE SIDE_COPIES=21)
  target_compile_definitions(gate_side_slowest PRIVATE SIDE_COPIES=22)
  target_compile_definitions(gate_side_larger PRIVATE SIDE_IMAGE_BYTES=4097)
  target_compile_definitions(gate_side_allocating PRIVATE SIDE_ALLOCATES)
  target_compile_definitions(gate_side_crashing PRIVATE SIDE_CRASHES)
  target_compile_definitions(gate_side_crashing_at_load PRIVATE SIDE_CRASHES_AT_LOAD)
  target_compile_definitions(gate_side_other_packets PRIVATE SIDE_DIGEST=43)
  target_compile_definitions(gate_side_refusing PRIVATE SIDE_CANNOT_PREPARE)
  target_compile_definitions(gate_side_versioned PRIVATE SIDE_VERSION=2)
  target_compile_definitions(gate_side_renamed PRIVATE SIDE_SECOND_CASE="table/other")
  vmbsave_add_test(e2e_gate SOURCES e2e/gate_test.cpp LINK nlohmann_json::nlohmann_json ${CMAKE_DL_LIBS})
  target_include_directories(e2e_gate PRIVATE ${PROJECT_SOURCE_DIR}/bench)
  target_compile_definitions(e2e_gate PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>" ${gate_schema}
    VMBSAVE_GATE_ENTRY="$<TARGET_FILE:vmbsave_gate_entry>" VMBSAVE_GATE_SIDES="$<TARGET_FILE_DIR:gate_side_good>")
  add_dependencies(e2e_gate vmbsave vmbsave_gate_entry)
  foreach(side ${gate_sides})
    add_dependencies(e2e_gate gate_side_${side})
  endforeach()
endif()

foreach(allocator glibc mimalloc)
  if(TARGET vmbsave_allocator_${allocator})
    vmbsave_add_test(unit_allocator_${allocator}
      SOURCES unit/allocation_counter_test.cpp
      LINK vmbsave_allocator_${allocator} vmbsave_report)
    if(VMBSAVE_CHECK LESS 2)  # a checked build gives each second call a buffer of its own
      target_sources(unit_allocator_${allocator} PRIVATE unit/warm_save_test.cpp)
      target_link_libraries(unit_allocator_${allocator} PRIVATE vmbsave_save_latency)
    endif()
  endif()
endforeach()
if(TARGET vmbsave_allocator_mimalloc)
  target_compile_definitions(unit_allocator_mimalloc PRIVATE VMBSAVE_MIMALLOC)
endif()

if(TARGET vmbsave-bench)
  vmbsave_add_test(e2e_live SOURCES e2e/live_test.cpp LINK vmbsave::io nlohmann_json::nlohmann_json)
  vmbsave_add_test(e2e_bench SOURCES e2e/bench_files_test.cpp e2e/bench_test.cpp LINK nlohmann_json::nlohmann_json)
  vmbsave_add_test(e2e_host SOURCES e2e/host_test.cpp LINK nlohmann_json::nlohmann_json)
  target_compile_definitions(e2e_host PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
    VMBSAVE_BENCH_PROGRAM="$<TARGET_FILE:vmbsave-bench>" VMBSAVE_SCHEMAS="${schemas}")
  add_dependencies(e2e_host vmbsave vmbsave-bench)
  if(TARGET PkgConfig::LIBURING)
    target_compile_definitions(e2e_live PRIVATE VMBSAVE_URING=1)
  endif()
  vmbsave_add_test(e2e_report SOURCES e2e/report_browser_test.cpp e2e/report_test.cpp LINK nlohmann_json::nlohmann_json)
  target_compile_definitions(e2e_report PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
    VMBSAVE_BENCH_PROGRAM="$<TARGET_FILE:vmbsave-bench>"
    VMBSAVE_RESULTS="${PROJECT_SOURCE_DIR}/results" VMBSAVE_SCHEMAS="${schemas}"
    VMBSAVE_RECORDED="${PROJECT_SOURCE_DIR}/results/20261129T110550Z-intel-xeon-2cpu-87fdd2c")
  add_dependencies(e2e_report vmbsave vmbsave-bench)
  target_compile_definitions(e2e_live PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
    VMBSAVE_BENCH_PROGRAM="$<TARGET_FILE:vmbsave-bench>" VMBSAVE_SCHEMAS="${schemas}")
  add_dependencies(e2e_live vmbsave vmbsave-bench)
  target_compile_definitions(e2e_bench PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
    VMBSAVE_BENCH_PROGRAM="$<TARGET_FILE:vmbsave-bench>" VMBSAVE_SCHEMAS="${schemas}")
  add_dependencies(e2e_bench vmbsave vmbsave-bench)
  if(TARGET vmbsave-bench-mimalloc)
    target_compile_definitions(e2e_bench PRIVATE VMBSAVE_BENCH_MIMALLOC="$<TARGET_FILE:vmbsave-bench-mimalloc>")
    add_dependencies(e2e_bench vmbsave-bench-mimalloc)
  endif()
endif()

include(embed/plugin.cmake)
# The same wrong VSP as a shared object, which says at run time what it does wrong.
add_library(wrong_vsp MODULE e2e/wrong_vsp_object.cpp unit/wrong_vsp.cpp)
set_target_properties(wrong_vsp PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden)
target_include_directories(wrong_vsp PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/engine/include)
target_link_libraries(wrong_vsp PRIVATE vmbsave_strict)
vmbsave_add_test(e2e_check SOURCES e2e/check_test.cpp LINK nlohmann_json::nlohmann_json)
target_compile_definitions(e2e_check PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_WRONG_VSP="$<TARGET_FILE:wrong_vsp>" VMBSAVE_TEMPLATE="$<TARGET_FILE:minivsp>" VMBSAVE_CHECK_SCHEMA="${PROJECT_SOURCE_DIR}/bench/check/check.schema.json")
add_dependencies(e2e_check vmbsave wrong_vsp minivsp)
