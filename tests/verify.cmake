# The examination of a VSP's callbacks, in programs that have the bench's VSPs. Races that change no result are for the
# thread sanitizer, which would end the others at the ones that do.
if("${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=thread")
  add_executable(verify_races unit/verify_races.cpp unit/wrong_vsp.cpp)
  target_include_directories(verify_races PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(verify_races PRIVATE vmbsave::verify vmbsave_strict)
  add_test(NAME verify_races.none_without_one COMMAND verify_races none)
  add_test(NAME verify_races.one_is_found COMMAND verify_races races)
  set_tests_properties(verify_races.one_is_found PROPERTIES
    PASS_REGULAR_EXPRESSION "WARNING: ThreadSanitizer: data race.*save_packet")
else()
  vmbsave_add_test(unit_verify
    SOURCES unit/verify_parts_test.cpp unit/verify_test.cpp unit/wrong_vsp.cpp
    LINK vmbsave::verify vmbsave::blob vmbsave::netvsp vmbsave::storvsp vmbsave_layers)
  target_compile_definitions(unit_verify PRIVATE VMBSAVE_CHECK_TABLE="${PROJECT_SOURCE_DIR}/engine/verify/README.md")
endif()
