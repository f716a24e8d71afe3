// What every long command has: a progress bar on a terminal, and Ctrl-C that ends it cleanly.
#pragma once

#include <memory>

#include "core/base/run_control.h"

namespace orrery::cli {

/// While it lives, the first SIGINT or SIGTERM asks the work to stop (main turns Stopped into exit code 130),
/// the second ends the process at once; progress is drawn on standard error if that is a terminal. One at a
/// time.
class LongRun {
 public:
  enum class OnSignal {
    kStop,  ///< the work looks at its control often
    kEnd,   ///< it does not: a signal ends the process at once, as without this class
  };
  explicit LongRun(OnSignal on_signal = OnSignal::kStop);
  ~LongRun();
  LongRun(const LongRun&) = delete;
  LongRun& operator=(const LongRun&) = delete;

  const RunControl& control() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orrery::cli
