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
  if(ORRERY_SANITIZE MATCHES "undefined")
    # Of no use beside AddressSanitizer, which stops at a null pointer and at what lies outside an object, and a quarter of the
    # compile time: a check at every access to a member.
    target_compile_options(orrery_options INTERFACE -fno-sanitize=null,object-size)
  endif()
  target_link_options(orrery_options INTERFACE -fsanitize=${ORRERY_SANITIZE})
endif()

# Precompiled headers stand for nothing but the compiler's time: every source includes what it uses, which the builds without
# them hold (presets dev and fuzz, the clang build of .ci/nightly). GCC's need the same flags where they are read as where they
# were made, so libraries share one and tests another.
set(orrery_headers <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <numeric> <optional>
  <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
function(orrery_reads_precompiled target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    # Or ccache does not see them. What GCC reads from them it no longer takes for a system's: of the standard library's own
    # code it warns here what it keeps to itself elsewhere (std::string, GCC bugs 105329 and 105651).
    target_compile_options(${target} PRIVATE -fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
function(orrery_precompile target)
  orrery_reads_precompiled(${target})
  target_precompile_headers(${target} PRIVATE ${ARGN})
endfunction()
function(orrery_precompiled_as target other)
  orrery_reads_precompiled(${target})
  target_precompile_headers(${target} REUSE_FROM ${other})
endfunction()

# orrery_library(NAME [OWN_FLAGS] [HEADERS headers...] LINK libs...): one static library of every .cc below the current folder.
# OWN_FLAGS: it is compiled with options that the others are not. HEADERS: what more it includes nearly everywhere.
function(orrery_library name)
  cmake_parse_arguments(ARG "OWN_FLAGS" "" "HEADERS;LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC orrery_options ${ARG_LINK})
  if(ARG_OWN_FLAGS OR ARG_HEADERS OR name STREQUAL orrery_core)
    orrery_precompile(${name} ${orrery_headers} <fmt/format.h> ${ARG_HEADERS})
  else()
    orrery_precompiled_as(${name} orrery_core)
  endif()
endfunction()

# What test sources are compiled with. The code under test keeps its own flags: only what the tests themselves do is optimised
# less, and checked by fewer of the undefined-behaviour checks (those at every access to a member). Linked last, to have the last word.
add_library(orrery_test_options INTERFACE)
target_compile_options(orrery_test_options INTERFACE $<$<CONFIG:Release>:-O1>)
if(ORRERY_SANITIZE MATCHES "undefined")
  target_compile_options(orrery_test_options INTERFACE -fno-sanitize=alignment,vptr)
endif()
target_compile_definitions(orrery_test_options INTERFACE ORRERY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

# orrery_test(NAME FOLDER [OWN_FLAGS] LINK libs... [LABEL label]): one test binary of every *_test.cc below tests/FOLDER.
# OWN_FLAGS: as above.
function(orrery_test name folder)
  cmake_parse_arguments(ARG "OWN_FLAGS" "LABEL" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  if(NOT ARG_OWN_FLAGS)
    orrery_precompiled_as(${name} orrery_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main orrery_test_options)
  set(properties)
  if(ARG_LABEL)
    set(properties TEST_PREFIX ${ARG_LABEL}. PROPERTIES LABELS ${ARG_LABEL})  # ctest wants names of its own
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} ${properties})
endfunction()
