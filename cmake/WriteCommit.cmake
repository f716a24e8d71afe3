# Writes OUT, the definition of orrery::cli::BuildCommit, for the commit that SOURCE stands at; leaves it alone if nothing
# changed. Run at every build: a commit is made without configuring anew.
find_program(GIT git)
set(commit "unknown")
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE head RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(commit ${head})
    execute_process(COMMAND ${GIT} -C ${SOURCE} --no-optional-locks diff --quiet HEAD RESULT_VARIABLE changed ERROR_QUIET)
    if(changed)
      string(APPEND commit ", changed")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[#include "cli/commit.h"

namespace orrery::cli {

const char* BuildCommit() { return "@commit@"; }

}  // namespace orrery::cli
]] @ONLY)
