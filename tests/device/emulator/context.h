// Stacks to switch between: each CUDA thread that has to wait keeps one.
#pragma once

#include <csetjmp>
#include <cstddef>

namespace orrery::emulator {

class Context {
 public:
  Context() = default;  ///< the caller's own stack
  /// Runs `entry`, which never returns, at the first switch to it; on a stack of its own above a guard page.
  explicit Context(void (*entry)());
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Leaves this context, which must be the running one, for `to`; returns at the next switch back.
  void SwitchTo(Context& to);

 private:
  void Start();

  void (*entry_)() = nullptr;
  void* stack_ = nullptr;
  bool started_ = true;
  std::jmp_buf place_;
};

}  // namespace orrery::emulator
