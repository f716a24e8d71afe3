# The readers' fuzz targets (tests/fuzz) as tests, where ORRERY_FUZZ_TESTS asks for them and clang has libFuzzer: built beside this build
# by the preset `fuzz`, ten seconds each. `ctest -LE fuzz` leaves them out; `scripts/fuzz` runs them for longer.
find_program(ORRERY_CLANG NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14)
find_package(Python3 COMPONENTS Interpreter)
if(NOT ORRERY_CLANG OR NOT Python3_FOUND)
  message(STATUS "clang or Python not found: the readers are not fuzzed")
  return()
endif()
file(WRITE ${CMAKE_BINARY_DIR}/fuzz_probe.cc
  "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n")
execute_process(COMMAND ${ORRERY_CLANG} -fsanitize=fuzzer,address ${CMAKE_BINARY_DIR}/fuzz_probe.cc
  -o ${CMAKE_BINARY_DIR}/fuzz_probe RESULT_VARIABLE without_fuzzer OUTPUT_QUIET ERROR_QUIET)
if(without_fuzzer)
  message(STATUS "clang has no libFuzzer here: the readers are not fuzzed")
  return()
endif()

set(fuzz_folder ${PROJECT_SOURCE_DIR}/build/fuzz)
add_custom_command(OUTPUT ${fuzz_folder}/build.ninja
  COMMAND ${CMAKE_COMMAND} --preset fuzz -DCMAKE_CXX_COMPILER=${ORRERY_CLANG}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} COMMENT "Configuring the readers' fuzz targets")
add_custom_target(fuzz_targets ALL COMMAND ${CMAKE_COMMAND} --build ${fuzz_folder}
  DEPENDS ${fuzz_folder}/build.ninja COMMENT "Building the readers' fuzz targets with clang" USES_TERMINAL)

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" reader ${name})
  add_test(NAME Fuzz.${reader} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    COMMAND ${Python3_EXECUTABLE} scripts/fuzz --binaries ${fuzz_folder}/tests/fuzz --seconds 10 --seed 1 ${reader})
  set_tests_properties(Fuzz.${reader} PROPERTIES LABELS fuzz)
endforeach()
