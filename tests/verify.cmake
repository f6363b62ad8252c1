# The examination of a VSP's callbacks; in the programs that have the bench's VSPs, and the tool.
vmbsave_add_test(unit_verify
  SOURCES unit/verify_parts_test.cpp unit/verify_test.cpp unit/wrong_vsp.cpp
  LINK vmbsave::verify vmbsave::blob vmbsave::netvsp vmbsave::storvsp vmbsave_layers)
target_compile_definitions(unit_verify PRIVATE VMBSAVE_CHECK_TABLE="${PROJECT_SOURCE_DIR}/engine/verify/README.md")

# The same wrong VSP as a shared object, which says at run time what it does wrong.
add_library(wrong_vsp MODULE e2e/wrong_vsp_object.cpp unit/wrong_vsp.cpp)
set_target_properties(wrong_vsp PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden)
target_include_directories(wrong_vsp PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/engine/include)
target_link_libraries(wrong_vsp PRIVATE vmbsave_strict)
vmbsave_add_test(e2e_check SOURCES e2e/check_test.cpp LINK nlohmann_json::nlohmann_json)
target_compile_definitions(e2e_check PRIVATE VMBSAVE_TOOL="$<TARGET_FILE:vmbsave>"
  VMBSAVE_WRONG_VSP="$<TARGET_FILE:wrong_vsp>" VMBSAVE_CHECK_SCHEMA="${PROJECT_SOURCE_DIR}/bench/check/check.schema.json")
add_dependencies(e2e_check vmbsave wrong_vsp)
