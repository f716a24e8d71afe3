#include "profiler/cupti/session.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/profiler/cupti/fake_cupti.h"

namespace orrery::profiler::cupti {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SessionOptions Small() {
  SessionOptions options;
  options.optional = {ActivityKind::kMemcpy};
  options.buffer_bytes = 3 * 216;
  options.max_buffers = 2;
  return options;
}

/// Keeps the names of the kernels it is given.
struct Names {
  std::vector<std::string> names;
  Session::Sink sink() {
    return [this](const ActivityRecord& record) {
      if (const auto* kernel = std::get_if<KernelRecord>(&record)) names.emplace_back(kernel->name);
    };
  }
};

std::string StartError(FakeCupti& cupti) {
  Session session(cupti, Small(), [](const ActivityRecord&) {});
  try {
    session.Start();
  } catch (const UnavailableError& e) {
    return e.what();
  }
  return "";
}

TEST(CuptiSession, CallsCuptiInTheOrderItWants) {
  FakeCupti cupti;
  Session session(cupti, Small(), [](const ActivityRecord&) {});
  session.Start();
  session.Flush();
  session.Stop();
  EXPECT_THAT(cupti.calls, ElementsAre("subscribe", "register", "enable 10", "enable 1", "flush",
                                       "flush forced", "disable 10", "disable 1", "dropped", "unsubscribe"));
  EXPECT_EQ(session.state(), Session::State::kStopped);
}

TEST(CuptiSession, HandsOverEveryRecordOnceAndInOrder) {
  FakeCupti cupti;
  Names seen;
  Session session(cupti, Small(), seen.sink());
  session.Start();
  for (int i = 0; i < 5; ++i) cupti.Record(RawKernel("k" + std::to_string(i), 10, 20));
  session.Flush();
  EXPECT_THAT(seen.names, ElementsAre("k0", "k1", "k2")) << "one full buffer";
  session.Stop();
  EXPECT_THAT(seen.names, ElementsAre("k0", "k1", "k2", "k3", "k4"));
}

TEST(CuptiSession, UsesBuffersAgain) {
  FakeCupti cupti;
  Names seen;
  Session session(cupti, Small(), seen.sink());
  session.Start();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(cupti.Record(RawKernel("k", 10, 20)));
    session.Flush();
  }
  session.Stop();
  EXPECT_EQ(seen.names.size(), 100u);
  EXPECT_EQ(session.losses().rejected_buffers, 0u);
}

TEST(CuptiSession, CountsWhatIsLost) {
  FakeCupti cupti;
  Names seen;
  Session session(cupti, Small(), seen.sink());
  session.Start();
  cupti.Record(RawKernel("untimed", 0, 0));
  cupti.Record(RawRecord(static_cast<ActivityKind>(51), 96));
  for (int i = 0; i < 10; ++i) cupti.Record(RawKernel("k", 10, 20));
  session.Stop();
  EXPECT_EQ(session.losses().untimed, 1u);
  EXPECT_EQ(session.losses().undecoded, 1u);
  EXPECT_GT(session.losses().rejected_buffers, 0u) << "two buffers of three records are not enough";
  EXPECT_EQ(session.losses().dropped, session.losses().rejected_buffers);
  EXPECT_EQ(seen.names.size() + session.losses().dropped, 10u);
}

TEST(CuptiSession, NeverRejectsABufferFromACuptiThatWouldCrash) {
  FakeCupti cupti;
  cupti.version = 26;
  Names seen;
  Session session(cupti, Small(), seen.sink());
  session.Start();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(cupti.Record(RawKernel("k", 10, 20)));
  session.Stop();
  EXPECT_EQ(seen.names.size(), 30u);
}

TEST(CuptiSession, NamesTheOtherProfiler) {
  FakeCupti cupti;
  cupti.subscribe_result = kErrorMultipleSubscribers;
  cupti.other_tool = "Nsight Systems";
  EXPECT_THAT(StartError(cupti), HasSubstr("another profiler, 'Nsight Systems', is attached"));
  EXPECT_THAT(cupti.calls, ElementsAre("subscribe")) << "nothing is enabled or unsubscribed that is not ours";
  cupti.other_tool = "";
  EXPECT_THAT(StartError(cupti), HasSubstr("it gave no name"));
}

TEST(CuptiSession, SaysThatThereIsNoDriver) {
  FakeCupti cupti;
  cupti.subscribe_result = kErrorNotInitialized;
  EXPECT_THAT(StartError(cupti), HasSubstr("no NVIDIA driver or GPU"));
  FakeCupti late;
  late.enable_results[ActivityKind::kConcurrentKernel] = kErrorUnknown;
  EXPECT_THAT(StartError(late), HasSubstr("no NVIDIA driver or GPU"));
  EXPECT_EQ(late.calls.back(), "unsubscribe") << "what was begun is undone";
}

TEST(CuptiSession, GoesOnWithoutAnOptionalKind) {
  FakeCupti cupti;
  cupti.enable_results[ActivityKind::kMemcpy] = kErrorInsufficientPrivileges;
  Session session(cupti, Small(), [](const ActivityRecord&) {});
  session.Start();
  EXPECT_THAT(session.enabled(), ElementsAre(ActivityKind::kConcurrentKernel));
}

TEST(CuptiSession, StopsWhenItIsDestroyed) {
  FakeCupti cupti;
  Names seen;
  {
    Session session(cupti, Small(), seen.sink());
    session.Start();
    cupti.Record(RawKernel("last", 10, 20));
  }
  EXPECT_THAT(seen.names, ElementsAre("last"));
  EXPECT_EQ(cupti.calls.back(), "unsubscribe");
}

TEST(CuptiSession, StoppingTwiceDoesNothingMore) {
  FakeCupti cupti;
  Session session(cupti, Small(), [](const ActivityRecord&) {});
  session.Start();
  session.Stop();
  const std::size_t calls = cupti.calls.size();
  session.Stop();
  session.Flush();
  EXPECT_EQ(cupti.calls.size(), calls);
}

}  // namespace
}  // namespace orrery::profiler::cupti
