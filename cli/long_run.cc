#include "cli/long_run.h"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include <unistd.h>

namespace orrery::cli {
namespace {

// A signal handler can reach nothing but what is static.
std::atomic<int> g_signals{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void CountSignal(int) {
  if (g_signals.fetch_add(1) > 0) _exit(130);
}

/// Draws at most ten times a second, and nothing at all where standard error is no terminal.
class ProgressBar {
 public:
  void Draw(double share, std::string_view what) {
    if (!terminal_) return;
    const auto now = std::chrono::steady_clock::now();
    if (share < 1 && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    Clear();
    if (share >= 1) return;
    constexpr int kWidth = 30;
    const auto full = static_cast<std::size_t>(share * kWidth);
    std::fprintf(stderr, "[%s%s] %3.0f %%  %.*s", std::string(full, '#').c_str(),
                 std::string(kWidth - full, '.').c_str(), 100 * share, static_cast<int>(what.size()),
                 what.data());
    std::fflush(stderr);
  }
  void Clear() const {
    if (terminal_) std::fprintf(stderr, "\r\033[K");
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::chrono::steady_clock::time_point drawn_{};
};

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

}  // namespace

struct LongRun::State {
  OnSignal on_signal = OnSignal::kStop;
  ProgressBar bar;
  std::stop_source stop;
  RunControl control{[this](double share, std::string_view what) { bar.Draw(share, what); },
                     stop.get_token()};
  std::array<struct sigaction, kSignals.size()> before{};
  // A stop cannot be asked for from a signal handler, so a thread looks whether one has come.
  std::jthread watcher{[this](const std::stop_token& end) {
    while (!end.stop_requested() && g_signals.load() == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (g_signals.load() > 0) stop.request_stop();
  }};
};

LongRun::LongRun(OnSignal on_signal) : state_(std::make_unique<State>()) {
  state_->on_signal = on_signal;
  if (on_signal == OnSignal::kEnd) return;
  g_signals = 0;
  struct sigaction action {};
  action.sa_handler = CountSignal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &state_->before[i]);
}

LongRun::~LongRun() {
  state_->bar.Clear();
  if (state_->on_signal == OnSignal::kEnd) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &state_->before[i], nullptr);
}

const RunControl& LongRun::control() const { return state_->control; }

}  // namespace orrery::cli
