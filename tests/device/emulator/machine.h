// Runs the threads of a grid on one CPU thread: clusters one after another, the threads of a cluster taking
// turns wherever they wait for one another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include <vector_types.h>

#include "tests/device/emulator/context.h"
#include "tests/device/emulator/shared_memory.h"

namespace orrery::emulator {

/// A kernel did what the hardware would punish or leave undefined; what() names the thread and the rule.
class EmulationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// When asynchronous work (bulk copies, tensor-core products, cp.async) happens, and who runs next.
enum class Timing {
  kEager,    ///< at once; threads in order
  kLate,     ///< only when somebody waits for it and nobody else can go on; threads in random order
  kShuffled  ///< at random moments and in random order
};

struct Settings {
  Timing timing = Timing::kEager;
  std::uint64_t seed = 1;
  /// FP8 products summed as DeepSeek-V3 found Hopper to do (arXiv:2412.19437, section 3.5.2): 32 of them
  /// aligned to the largest, 14 bits of each kept.
  bool short_accumulator = false;
};
Settings& settings();

struct Cta;
struct CopyGroups;
struct StoreGroups;
class ProductQueue;

struct Warp {
  unsigned present = 0;  ///< lanes that exist
  unsigned arrived = 0;  ///< lanes at the current meeting
  const char* operation = nullptr;
  std::array<void*, 32> operands{};
  std::unique_ptr<ProductQueue> products;
  Warp();
  Warp(Warp&&) noexcept;
  ~Warp();
};

struct Thread {
  uint3 index{};
  int number = 0;  ///< within its CTA
  Cta* cta = nullptr;
  Context* context = nullptr;  ///< while it runs or waits
  bool done = false;
  const char* waits_for = nullptr;
  std::source_location where;
  std::unique_ptr<CopyGroups> copies;
  std::unique_ptr<StoreGroups> stores;
  std::vector<SharedWrite> unfenced;  ///< its ordinary writes the copy engine and tensor cores do not see yet

  Thread();
  Thread(Thread&&) noexcept;
  ~Thread();
  int lane() const { return number % 32; }
  Warp& warp() const;
};

struct Barrier {
  int expected = 0;
  std::vector<Thread*> waiting;
};

struct Cluster;

struct Cta {
  uint3 index{};
  unsigned rank = 0;  ///< within its cluster
  Cluster* cluster = nullptr;
  SharedMemory shared;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers;
  int live = 0;
};

struct Cluster {
  std::vector<std::unique_ptr<Cta>> ctas;
  Barrier barrier;
  int live = 0;
};

struct GridShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  unsigned cluster = 1;
};

/// Runs `body` once per thread. Throws EmulationError.
void RunGrid(const GridShape& shape, const std::function<void()>& body);

/// The running thread and grid; null while the copy engine works. Read through the functions below.
extern Thread* running_thread;
extern GridShape running_grid;
inline Thread& Current() { return *running_thread; }
inline const GridShape& CurrentGrid() { return running_grid; }

/// Ends the run with an error that names the current thread.
[[noreturn]] void Fail(const std::string& message);

/// Current thread waits until another calls Wake with it.
void Sleep(const char* what, const std::source_location& where);
void Wake(std::vector<Thread*>& threads);

/// Work for later: done when nobody can go on, or at random, as the timing says. Nothing may be left when
/// the cluster ends.
void Postpone(std::function<void()> work);

/// Current thread waits at barrier `id` of its CTA until `threads` have come (0: all that are alive).
void ArriveAndWait(int id, int threads, const std::source_location& where);
void ClusterArriveAndWait(const std::source_location& where);

/// All lanes of `mask` meet; the last to come runs `act` on everybody's operands.
void Meet(const char* operation, unsigned mask, void* operand,
          const std::function<void(std::array<void*, 32>&)>& act, const std::source_location& where);

}  // namespace orrery::emulator
