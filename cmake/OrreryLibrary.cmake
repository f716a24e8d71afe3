# Shared compile settings and the two helpers every folder uses.

add_library(orrery_options INTERFACE)
target_include_directories(orrery_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(orrery_options INTERFACE -Wall -Wextra -Wconversion -Wshadow
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false positives on std::string, GCC bug 105651
  # Of clang, what GCC's -Wconversion means too; it takes no GCC target pragmas, and compiles those copies plain.
  "$<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion;-Wno-unknown-pragmas>"
  $<$<BOOL:${ORRERY_WERROR}>:-Werror>)
if(ORRERY_SANITIZE)
  target_compile_options(orrery_options INTERFACE -fsanitize=${ORRERY_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(orrery_options INTERFACE -fsanitize=${ORRERY_SANITIZE})
endif()

# orrery_library(NAME LINK libs...): one static library of every .cc below the current folder.
function(orrery_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC orrery_options ${ARG_LINK})
endfunction()

# orrery_test(NAME FOLDER LINK libs... [LABEL label]): one test binary of every *_test.cc below tests/FOLDER.
function(orrery_test name folder)
  cmake_parse_arguments(ARG "" "LABEL" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_compile_definitions(${name} PRIVATE ORRERY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  set(properties)
  if(ARG_LABEL)
    set(properties TEST_PREFIX ${ARG_LABEL}. PROPERTIES LABELS ${ARG_LABEL})  # ctest wants names of its own
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} ${properties})
endfunction()
