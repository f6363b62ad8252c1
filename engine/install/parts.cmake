# What is installed of each part of the engine, and the shared libraries: one name for a part everywhere, as target
# vmbsave::NAME, as libvmbsave_NAME and as vmbsave-NAME.pc.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VMBSAVE_ABI ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})  # below 1.0 each minor version may break
set(VMBSAVE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/vmbsave)
# The C face has one list, for the shared library and for programs that load VSPs.
set(exports ${CMAKE_CURRENT_SOURCE_DIR}/kmcl/exports.list)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${exports})
file(READ ${exports} exports)
string(REGEX MATCHALL "Vmb[A-Za-z]+|VMBS_[A-Z_]+" exports "${exports}")
set(VMBSAVE_C_FUNCTIONS "")
foreach(function ${exports})
  string(APPEND VMBSAVE_C_FUNCTIONS "    ${function};\n")
endforeach()
set(VMBSAVE_PARTS)  # in an order in which each comes behind what it needs
set(VMBSAVE_NEEDS)  # a line for each of them, for config.cmake.in

# What a program written in C has to link for the sake of a static library.
set(VMBSAVE_CXX_LIBRARIES ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM VMBSAVE_CXX_LIBRARIES ${CMAKE_C_IMPLICIT_LINK_LIBRARIES} gcc_s gcc c)
list(TRANSFORM VMBSAVE_CXX_LIBRARIES PREPEND -l)
list(JOIN VMBSAVE_CXX_LIBRARIES " " VMBSAVE_CXX_LIBRARIES)

# vmbsave_install_part(NAME LIBS_PRIVATE NEEDS PACKAGES): the library, its CMake package and its pkg-config file.
function(vmbsave_install_part name libs_private needs packages)
  install(TARGETS vmbsave_${name} EXPORT vmbsave-${name} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT vmbsave-${name} NAMESPACE vmbsave:: DESTINATION ${VMBSAVE_PACKAGE_DIR})

  list(TRANSFORM needs PREPEND vmbsave- OUTPUT_VARIABLE requires)
  list(JOIN requires " " requires)
  list(JOIN packages " " requires_private)
  # Relative to the file, so that the prefix may move.
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" up ${up})
  set(libdir "\${prefix}")
  set(includedir "\${prefix}")
  cmake_path(APPEND libdir ${CMAKE_INSTALL_LIBDIR})
  cmake_path(APPEND includedir ${CMAKE_INSTALL_INCLUDEDIR})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/part.pc.in vmbsave-${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vmbsave-${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# vmbsave_shared(NAME [NEEDS PART...]): a shared library, empty at first. NAME.map says what it exports.
function(vmbsave_shared name)
  cmake_parse_arguments(ARG "" "" "NEEDS" ${ARGN})
  add_library(vmbsave_${name} SHARED)
  add_library(vmbsave::${name} ALIAS vmbsave_${name})
  set(map ${CMAKE_CURRENT_BINARY_DIR}/${name}.map)
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${name}.map ${map} @ONLY)
  set_target_properties(vmbsave_${name} PROPERTIES
    EXPORT_NAME ${name} LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${VMBSAVE_ABI} LINK_DEPENDS ${map}
    INSTALL_RPATH $ORIGIN CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(vmbsave_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    PRIVATE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>)
  target_link_options(vmbsave_${name} PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic-functions)
  if(NOT "${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")  # a sanitizer's functions come from the program
    target_link_options(vmbsave_${name} PRIVATE -Wl,--no-undefined)
  endif()
  foreach(need ${ARG_NEEDS})
    target_link_libraries(vmbsave_${name} PUBLIC vmbsave_${need})
  endforeach()
endfunction()

# The engine with its C face and its guest; files and sockets apart, for the sake of liburing. Objects of `io` that use
# the engine's inside are left out: no public header leads to them.
if(VMBSAVE_SHARED)
  vmbsave_shared(shared)
  vmbsave_shared(shared_io NEEDS shared)
  target_sources(vmbsave_shared_io PRIVATE base/check.cpp mem/mapping.cpp)  # what `io` uses of the engine
  target_link_libraries(vmbsave_shared_io PRIVATE $<BUILD_INTERFACE:vmbsave_strict>)
endif()

# vmbsave_part(NAME [STATIC_ONLY] [NEEDS PART...] [SHARED NAME] [LIBRARIES TARGET...] [PACKAGES NAME...]): what holds for each static
# library vmbsave_NAME. LIBRARIES: what it links of others, PACKAGES: what pkg-config calls them. SHARED: the shared
# library that has its objects too, `shared` if it is not said; what that exports of them is in its map.
function(vmbsave_part name)
  cmake_parse_arguments(ARG "STATIC_ONLY" "SHARED" "NEEDS;LIBRARIES;PACKAGES" ${ARGN})
  set_target_properties(vmbsave_${name} PROPERTIES EXPORT_NAME ${name}
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON)
  # What public headers declare is visible, and nothing takes its place: the compiler goes on as if it were hidden.
  target_compile_options(vmbsave_${name} PRIVATE -fno-semantic-interposition)
  if(NOT ARG_SHARED)
    set(ARG_SHARED shared)
  endif()
  if(VMBSAVE_SHARED AND NOT ARG_STATIC_ONLY)
    target_sources(vmbsave_${ARG_SHARED} PRIVATE
      "$<FILTER:$<TARGET_OBJECTS:vmbsave_${name}>,EXCLUDE,/image_(receiver|sender)\\.cpp>")
    set_property(TARGET vmbsave_${ARG_SHARED} APPEND PROPERTY VMBSAVE_PARTS ${name})  # for the tests
    target_link_libraries(vmbsave_${ARG_SHARED} PRIVATE Threads::Threads ${ARG_LIBRARIES})
  endif()
  if(VMBSAVE_INSTALL)
    vmbsave_install_part(${name} "${VMBSAVE_CXX_LIBRARIES} ${CMAKE_THREAD_LIBS_INIT}" "${ARG_NEEDS}" "${ARG_PACKAGES}")
  endif()
  set_property(GLOBAL APPEND PROPERTY VMBSAVE_PARTS ${name})  # for the tests
  set(VMBSAVE_PARTS ${VMBSAVE_PARTS} ${name} PARENT_SCOPE)
  set(VMBSAVE_NEEDS "${VMBSAVE_NEEDS}set(vmbsave_${name}_needs ${ARG_NEEDS})\n" PARENT_SCOPE)
endfunction()

# After the last part: the headers, the package's own files, the licences.
function(vmbsave_install)
  if(NOT VMBSAVE_INSTALL)
    return()
  endif()
  if(VMBSAVE_SHARED)
    vmbsave_install_part(shared "" "" "")
    vmbsave_install_part(shared_io "" shared "")
    list(APPEND VMBSAVE_PARTS shared shared_io)
    string(APPEND VMBSAVE_NEEDS "set(vmbsave_shared_needs)\nset(vmbsave_shared_io_needs shared)\n")
  endif()
  install(DIRECTORY include/vmbsave DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  configure_package_config_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/config.cmake.in vmbsave-config.cmake
    INSTALL_DESTINATION ${VMBSAVE_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
  write_basic_package_version_file(vmbsave-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vmbsave-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/vmbsave-config-version.cmake
    DESTINATION ${VMBSAVE_PACKAGE_DIR})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/THIRD-PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
  # What the author of a VSP reads, and begins with.
  install(FILES README.md EMBEDDING.md PORTING.md COVERAGE.md FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
  set(template ${PROJECT_SOURCE_DIR}/tests/embed/template)
  install(FILES ${template}/CMakeLists.txt ${template}/minivsp.c DESTINATION ${CMAKE_INSTALL_DOCDIR}/template)
endfunction()
