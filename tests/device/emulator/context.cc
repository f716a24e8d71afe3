// A context is entered once through ucontext; later switches are setjmp and longjmp, which make no system
// calls.
#include "tests/device/emulator/context.h"

#include <new>

#include <sys/mman.h>
#include <ucontext.h>

namespace orrery::emulator {
namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kGuardBytes = 4096;

}  // namespace

Context::Context(void (*entry)()) : entry_(entry), started_(false) {
  stack_ =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(stack_, kGuardBytes, PROT_NONE);
}

Context::~Context() {
  if (stack_ != nullptr) munmap(stack_, kStackBytes);
}

void Context::Start() {
  started_ = true;
  ucontext_t fresh;
  getcontext(&fresh);
  fresh.uc_stack.ss_sp = static_cast<char*>(stack_) + kGuardBytes;
  fresh.uc_stack.ss_size = kStackBytes - kGuardBytes;
  fresh.uc_link = nullptr;
  makecontext(&fresh, entry_, 0);
  setcontext(&fresh);
}

void Context::SwitchTo(Context& to) {
  if (_setjmp(place_) != 0) return;
  if (to.started_) _longjmp(to.place_, 1);
  to.Start();
}

}  // namespace orrery::emulator
