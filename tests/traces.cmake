# Tests of what reads the bytes of others. Of no use to the thread sanitizer, as it is one thread.
vmbsave_add_test(unit_trace
  SOURCES unit/trace_blktrace_test.cpp unit/trace_capture_test.cpp unit/trace_fio_test.cpp unit/trace_flow_test.cpp unit/trace_format_test.cpp
          unit/trace_mqsim_test.cpp unit/trace_msr_test.cpp unit/trace_octf_test.cpp unit/trace_profile_test.cpp
          unit/trace_spool_test.cpp unit/trace_text_test.cpp unit/trace_vscsi_test.cpp
  LINK vmbsave::trace LibArchive::LibArchive fmt::fmt nlohmann_json::nlohmann_json)
target_compile_definitions(unit_trace PRIVATE VMBSAVE_PROFILES="${PROJECT_SOURCE_DIR}/bench/trace")
vmbsave_add_test(unit_profile SOURCES unit/profile_measure_test.cpp unit/profile_report_test.cpp
  LINK vmbsave_profile vmbsave_report nlohmann_json::nlohmann_json)
