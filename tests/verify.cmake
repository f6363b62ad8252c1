# The examination of a VSP's callbacks; in the programs that have the bench's VSPs, and the tool.
vmbsave_add_test(unit_verify
  SOURCES unit/verify_parts_test.cpp unit/verify_test.cpp unit/wrong_vsp.cpp
  LINK vmbsave::verify vmbsave::blob vmbsave::netvsp vmbsave::storvsp vmbsave_layers)
target_compile_definitions(unit_verify PRIVATE VMBSAVE_CHECK_TABLE="${PROJECT_SOURCE_DIR}/engine/verify/README.md")
