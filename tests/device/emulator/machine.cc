#include "tests/device/emulator/machine.h"

#include <cstring>
#include <exception>
#include <map>
#include <numeric>
#include <utility>

#include "tests/device/emulator/copy_engine.h"
#include "tests/device/emulator/tensor_core.h"

// Bounds of the section that holds all __shared__ variables (cuda_host.h); absent where there are none.
extern "C" char __start_orrery_shared[] __attribute__((weak));
extern "C" char __stop_orrery_shared[] __attribute__((weak));

namespace orrery::emulator {

Thread* running_thread = nullptr;
GridShape running_grid;

namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFu;
constexpr std::size_t kMostSharedBytes = 227 * 1024;  // CUDA programming guide, compute capability 9.0

class Machine {
 public:
  void Run(const GridShape& shape, const std::function<void()>& body);

  void Sleep();
  void MakeReady(Thread* thread) { ready_.push_back(thread); }
  void Postpone(std::function<void()> work) { postponed_.push_back(std::move(work)); }

 private:
  static void Enter();
  void WorkForever();
  void RunBody();
  void EndThread(Thread& thread);
  void RunCluster(Cluster& cluster);
  void Prepare(Cluster& cluster, dim3 first);
  void Schedule(Cluster& cluster);
  void RunPostponed();
  Thread* Pick();
  bool Interrupt();
  void Resume(Thread* thread, Context& from);
  Context* FreeContext();
  std::uint64_t Random();
  void Shuffle(std::vector<unsigned>& order);
  void Abandon();

  const std::function<void()>* body_ = nullptr;
  Context main_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<Context*> free_;
  std::vector<Thread*> ready_;
  std::vector<std::function<void()>> postponed_;
  std::exception_ptr failure_;
  std::uint64_t random_ = 1;
};

Machine& machine() {
  static Machine the_machine;
  return the_machine;
}

std::string NameOf(const Thread& t) {
  return "thread " + std::to_string(t.number) + " of CTA (" + std::to_string(t.cta->index.x) + ", " +
         std::to_string(t.cta->index.y) + ", " + std::to_string(t.cta->index.z) + ")";
}

std::string PlaceOf(const Thread& t) {
  const std::string file = t.where.file_name();
  return std::string(t.waits_for) + " at " + file.substr(file.find_last_of('/') + 1) + ":" +
         std::to_string(t.where.line());
}

// Who waits where, a line per place and CTA.
std::string DescribeStandstill(const Cluster& cluster) {
  std::map<std::string, std::vector<int>> places;
  for (const auto& cta : cluster.ctas) {
    for (const Thread& t : cta->threads) {
      if (!t.done) places["CTA rank " + std::to_string(cta->rank) + ": " + PlaceOf(t)].push_back(t.number);
    }
  }
  std::string text = "no thread can go on:";
  for (const auto& [place, numbers] : places) {
    text += "\n  " + place + ": " + std::to_string(numbers.size()) + " threads, the first " +
            std::to_string(numbers.front()) + ", the last " + std::to_string(numbers.back());
  }
  return text;
}

void Machine::Enter() { machine().WorkForever(); }

// One after another the threads that are given to this context; an error of any ends the run.
void Machine::WorkForever() {
  while (true) {
    RunBody();
    Thread* ended = running_thread;
    Context* self = std::exchange(ended->context, nullptr);
    Thread* next = failure_ == nullptr && !Interrupt() ? Pick() : nullptr;
    if (next != nullptr && next->context == nullptr) {
      next->context = self;
      running_thread = next;
      continue;
    }
    free_.push_back(self);
    if (next == nullptr) {
      self->SwitchTo(main_);
    } else {
      Resume(next, *self);
    }
  }
}

void Machine::RunBody() {
  try {
    (*body_)();
    EndThread(*running_thread);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Machine::EndThread(Thread& t) {
  CheckCopiesAtEnd(t);
  CheckProductsAtEnd(t);
  t.done = true;
  --t.cta->live;
  --t.cta->cluster->live;
  // Those who left count as arrived at barriers of all threads.
  Barrier& all = t.cta->barriers[0];
  if (all.expected == 0 && !all.waiting.empty() && static_cast<int>(all.waiting.size()) == t.cta->live)
    Wake(all.waiting);
  Barrier& cluster = t.cta->cluster->barrier;
  if (!cluster.waiting.empty() && static_cast<int>(cluster.waiting.size()) == t.cta->cluster->live)
    Wake(cluster.waiting);
}

std::uint64_t Machine::Random() {  // xorshift64* (Vigna 2016)
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return (random_ * 0x2545F4914F6CDD1Dull) >> 32;
}

void Machine::Shuffle(std::vector<unsigned>& order) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[Random() % i]);
}

Thread* Machine::Pick() {
  if (ready_.empty()) return nullptr;
  if (settings().timing != Timing::kEager) std::swap(ready_[Random() % ready_.size()], ready_.back());
  Thread* next = ready_.back();
  ready_.pop_back();
  return next;
}

bool Machine::Interrupt() {
  return settings().timing == Timing::kShuffled && !postponed_.empty() && Random() % 8 == 0;
}

Context* Machine::FreeContext() {
  if (free_.empty()) {
    contexts_.push_back(std::make_unique<Context>(&Machine::Enter));
    return contexts_.back().get();
  }
  Context* last = free_.back();
  free_.pop_back();
  return last;
}

void Machine::Resume(Thread* thread, Context& from) {
  if (thread->context == nullptr) thread->context = FreeContext();
  running_thread = thread;
  if (thread->context != &from) from.SwitchTo(*thread->context);
}

void Machine::Sleep() {
  Thread* self = running_thread;
  Thread* next = Interrupt() ? nullptr : Pick();
  if (next == nullptr) {
    self->context->SwitchTo(main_);
  } else {
    Resume(next, *self->context);
  }
  self->waits_for = nullptr;
}

void Machine::RunPostponed() {
  std::swap(postponed_[Random() % postponed_.size()], postponed_.back());
  const std::function<void()> work = std::move(postponed_.back());
  postponed_.pop_back();
  running_thread = nullptr;
  work();
}

void Machine::Schedule(Cluster& cluster) {
  while (failure_ == nullptr) {
    if (Interrupt()) RunPostponed();
    if (Thread* next = Pick()) {
      Resume(next, main_);
    } else if (cluster.live == 0) {
      break;
    } else if (!postponed_.empty()) {
      RunPostponed();
    } else {
      throw EmulationError(DescribeStandstill(cluster));
    }
  }
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  if (!postponed_.empty())
    throw EmulationError("the CTA ended while copies into its shared memory were under way");
}

void Machine::Prepare(Cluster& cluster, dim3 first) {
  const unsigned threads = running_grid.block.x * running_grid.block.y * running_grid.block.z;
  cluster.barrier = {};
  cluster.live = static_cast<int>(threads * cluster.ctas.size());
  if (__start_orrery_shared != nullptr)
    std::memset(__start_orrery_shared, 0xFF,
                static_cast<std::size_t>(__stop_orrery_shared - __start_orrery_shared));
  for (const auto& cta : cluster.ctas) {
    cta->cluster = &cluster;
    cta->index = {first.x + cta->rank, first.y, first.z};
    cta->barriers = {};
    cta->live = static_cast<int>(threads);
    cta->shared.Reset(running_grid.shared_bytes);
    cta->warps.clear();
    cta->warps.resize((threads + 31) / 32);
    cta->threads.resize(threads);
    for (unsigned n = threads; n-- > 0;) {
      Thread& t = cta->threads[n];
      t.index = {n % running_grid.block.x, n / running_grid.block.x % running_grid.block.y,
                 n / (running_grid.block.x * running_grid.block.y)};
      t.number = static_cast<int>(n);
      t.cta = cta.get();
      t.done = false;
      t.copies.reset();
      t.stores.reset();
      t.unfenced.clear();
      t.warp().present |= 1u << t.lane();
      ready_.push_back(&t);
    }
  }
}

void Machine::RunCluster(Cluster& cluster) {
  try {
    Schedule(cluster);
  } catch (...) {
    Abandon();
    throw;
  }
}

// Stacks in the middle of a kernel are thrown away.
void Machine::Abandon() {
  ready_.clear();
  postponed_.clear();
  free_.clear();
  contexts_.clear();
  failure_ = nullptr;
  running_thread = nullptr;
}

void Machine::Run(const GridShape& shape, const std::function<void()>& body) {
  running_grid = shape;
  body_ = &body;
  random_ = settings().seed * 2 + 1;
  Cluster cluster;
  for (unsigned rank = 0; rank < shape.cluster; ++rank) {
    cluster.ctas.push_back(std::make_unique<Cta>());
    cluster.ctas.back()->rank = rank;
  }
  const unsigned columns = shape.grid.x / shape.cluster;
  std::vector<unsigned> order(columns * shape.grid.y * shape.grid.z);
  std::iota(order.begin(), order.end(), 0u);
  if (settings().timing != Timing::kEager) Shuffle(order);
  for (const unsigned i : order) {
    const unsigned row = i / columns;
    Prepare(cluster, dim3(i % columns * shape.cluster, row % shape.grid.y, row / shape.grid.y));
    RunCluster(cluster);
  }
  running_thread = nullptr;
}

void CheckShape(const GridShape& s) {
  const std::uint64_t threads = std::uint64_t{s.block.x} * s.block.y * s.block.z;
  if (threads == 0 || threads > 1024) throw EmulationError("a block has 1 to 1024 threads");
  if (s.grid.x == 0 || s.grid.y == 0 || s.grid.z == 0 || s.grid.y > 65535 || s.grid.z > 65535)
    throw EmulationError("invalid grid");
  if (s.shared_bytes > kMostSharedBytes) throw EmulationError("more than 227 KiB of shared memory");
  if (s.cluster == 0 || s.grid.x % s.cluster != 0)
    throw EmulationError("the cluster does not divide the grid");
}

}  // namespace

Settings& settings() {
  static Settings the_settings;
  return the_settings;
}

Warp::Warp() = default;
Warp::Warp(Warp&&) noexcept = default;
Warp::~Warp() = default;
Thread::Thread() = default;
Thread::Thread(Thread&&) noexcept = default;
Thread::~Thread() = default;
Warp& Thread::warp() const { return cta->warps[static_cast<std::size_t>(number / 32)]; }

void RunGrid(const GridShape& shape, const std::function<void()>& body) {
  CheckShape(shape);
  machine().Run(shape, body);
}

void Fail(const std::string& message) {
  const Thread* t = running_thread;
  throw EmulationError(t == nullptr ? message : NameOf(*t) + ": " + message);
}

void Sleep(const char* what, const std::source_location& where) {
  Thread& t = Current();
  t.waits_for = what;
  t.where = where;
  machine().Sleep();
}

void Wake(std::vector<Thread*>& threads) {
  std::vector<Thread*> woken;
  woken.swap(threads);
  for (Thread* t : woken) machine().MakeReady(t);
}

void Postpone(std::function<void()> work) { machine().Postpone(std::move(work)); }

void ArriveAndWait(int id, int threads, const std::source_location& where) {
  Cta& cta = *Current().cta;
  if (id < 0 || id > 15) Fail("named barriers are 0 to 15");
  if (threads % 32 != 0) Fail("a named barrier takes whole warps");
  Barrier& barrier = cta.barriers[static_cast<std::size_t>(id)];
  if (barrier.waiting.empty()) barrier.expected = threads;
  if (barrier.expected != threads) Fail("threads disagree on how many a named barrier expects");
  const int wanted = threads == 0 ? cta.live : threads;
  if (static_cast<int>(barrier.waiting.size()) + 1 == wanted) return Wake(barrier.waiting);
  barrier.waiting.push_back(&Current());
  Sleep(id == 0 ? "__syncthreads" : "a named barrier", where);
}

void ClusterArriveAndWait(const std::source_location& where) {
  Cluster& cluster = *Current().cta->cluster;
  Barrier& barrier = cluster.barrier;
  if (static_cast<int>(barrier.waiting.size()) + 1 == cluster.live) return Wake(barrier.waiting);
  barrier.waiting.push_back(&Current());
  Sleep("the cluster barrier", where);
}

void Meet(const char* operation, unsigned mask, void* operand,
          const std::function<void(std::array<void*, 32>&)>& act, const std::source_location& where) {
  Thread& self = Current();
  Warp& warp = self.warp();
  const unsigned wanted = mask == kAllLanes ? warp.present : mask;
  if ((wanted >> self.lane() & 1u) == 0) Fail(std::string(operation) + ": the mask leaves out the caller");
  if (warp.arrived == 0) warp.operation = operation;
  if (std::strcmp(warp.operation, operation) != 0)
    Fail(std::string("lanes of one warp at different operations: ") + warp.operation + " and " + operation);
  warp.operands[static_cast<std::size_t>(self.lane())] = operand;
  warp.arrived |= 1u << self.lane();
  if (warp.arrived != wanted) return Sleep(operation, where);
  act(warp.operands);
  warp.arrived = 0;
  Thread* first = &self.cta->threads[static_cast<std::size_t>(self.number - self.lane())];
  for (int lane = 0; lane < 32; ++lane) {
    if ((wanted >> lane & 1u) != 0 && lane != self.lane()) machine().MakeReady(first + lane);
  }
}

}  // namespace orrery::emulator
