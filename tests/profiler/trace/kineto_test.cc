#include "profiler/trace/kineto.h"

#include <ios>
#include <sstream>
#include <streambuf>

#include <gmock/gmock.h>
#include <zlib.h>

#include "core/base/error.h"
#include "profiler/trace/intervals.h"
#include "profiler/trace/kineto_event.h"
#include "profiler/trace/trace_report.h"
#include "tests/core/input_error.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

constexpr const char* kKernel =
    R"({"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":110,"dur":30.5,"args":{"correlation":5,"stream":7,"device":1,)"
    R"("grid":[112,2,3],"block":[384,1,1],"registers per thread":168,"shared memory":1024,"External id":9}})";
constexpr const char* kLaunch =
    R"({"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":3,"tid":3,"ts":100,"dur":2,"args":{"correlation":5}})";
constexpr const char* kUnusedLaunch =
    R"({"ph":"X","cat":"cuda_runtime","name":"cudaEventRecord","pid":3,"tid":3,"ts":100,"dur":2,"args":{"correlation":6}})";
constexpr const char* kOuter =
    R"({"ph":"X","cat":"user_annotation","name":"step","pid":3,"tid":3,"ts":90,"dur":100})";
constexpr const char* kInner =
    R"({"ph":"X","cat":"user_annotation","name":"attn","pid":3,"tid":3,"ts":95,"dur":20})";
constexpr const char* kOp =
    R"({"ph":"X","cat":"cpu_op","name":"aten::mm","pid":3,"tid":3,"ts":99,"dur":5,"args":{"Input Dims":[[4096,7168],[7168,1536],[]]}})";

std::string Document(const std::vector<std::string>& events) {
  std::string text =
      R"({"schemaVersion":1,"deviceProperties":[{"id":0,"name":"GPU A","numSms":132,"totalGlobalMem":80,)"
      R"("computeMajor":9,"computeMinor":0},{"id":1,"name":"GPU B","numSms":78}],)"
      R"("distributedInfo":{"rank":3,"world_size":64},"traceEvents":[)";
  for (std::size_t i = 0; i < events.size(); ++i) text += (i == 0 ? "" : ",\n") + events[i];
  return text + R"(],"traceName":"demo"})";
}

Trace Read(const std::string& text) {
  std::istringstream stream(text);
  return ReadKinetoTrace(stream, "t.json");
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(KinetoTrace, DevicesThatDoNotSayTheirNumberAreNumberedInOrder) {
  std::string text = Document({kKernel, kLaunch});
  for (const std::string id : {"\"id\":0,", "\"id\":1,"}) text.erase(text.find(id), id.size());
  const Trace t = Read(text);
  ASSERT_EQ(t.info.devices.size(), 2u);
  EXPECT_EQ(t.info.devices[0].id, 0);
  EXPECT_EQ(t.info.device.name, "GPU B") << "the second, as the kernel says";
}

TEST(KinetoTrace, CopiesThatCallThemselvesTheSameAreToldApart) {
  const std::string text = Document({kKernel, kLaunch});
  const auto analysed = [&](const std::string& file) {
    std::istringstream stream(text);
    return Analyse(ReadKinetoTrace(stream, file));
  };
  const std::string both = ProcessesText({analysed("runs/a.json"), analysed("runs/b.json")});
  EXPECT_THAT(both, HasSubstr("runs/a.json (demo)"));
  EXPECT_THAT(both, HasSubstr("runs/b.json (demo)"));
  EXPECT_THAT(ProcessesText({analysed("runs/demo")}), testing::StartsWith("demo, rank 3"));
}

TEST(KinetoTrace, ReadsKernelsLaunchesAnnotationsAndTheDevice) {
  const Trace t = Read(Document({kKernel, kLaunch, kUnusedLaunch, kOuter, kInner, kOp}));
  EXPECT_EQ(t.info.device.name, "GPU B") << "the one of the kernel";
  EXPECT_EQ(t.info.device.sms, 78);
  ASSERT_EQ(t.info.devices.size(), 2u);
  EXPECT_EQ(t.info.devices[0].name, "GPU A");
  EXPECT_EQ(t.info.devices[0].sms, 132);
  EXPECT_EQ(t.info.devices[0].compute_capability, "9.0");
  EXPECT_EQ(t.info.rank, 3);
  EXPECT_EQ(t.info.world_size, 64);
  EXPECT_EQ(t.info.trace_name, "demo");
  EXPECT_EQ(t.info.events_read, 6u);
  ASSERT_EQ(t.events.size(), 1u);
  const GpuEvent& e = t.events[0];
  EXPECT_EQ(t.name(e), "gemm");
  EXPECT_EQ(e.start_ns, 110'000);
  EXPECT_EQ(e.duration_ns, 30'500);
  EXPECT_EQ(e.grid, (std::array{112, 2, 3}));
  EXPECT_EQ(e.blocks(), 672);
  EXPECT_EQ(e.registers, 168);
  EXPECT_EQ(e.stream, 7);
  EXPECT_EQ(e.device, 1);
  EXPECT_EQ(t.launches.size(), 1u) << "calls that launched nothing are dropped";
  ASSERT_EQ(t.operators.size(), 1u);
  EXPECT_EQ(t.name(t.operators[0].shapes), "[[4096, 7168], [7168, 1536], []]");
}

TEST(KinetoTrace, AttributesAKernelToTheInnermostAnnotationAndOperator) {
  const Trace t = Read(Document({kKernel, kLaunch, kOuter, kInner, kOp}));
  const Attribution a = Attribute(t);
  ASSERT_EQ(a.annotation[0], 1);
  EXPECT_EQ(t.name(t.annotations[1].name), "attn");
  EXPECT_EQ(t.name(t.operators[static_cast<std::size_t>(a.operation[0])].name), "aten::mm");
}

TEST(KinetoTrace, ALaunchFromAutogradsThreadTakesTheAnnotationOfAnother) {
  std::string launch = kLaunch;
  launch.replace(launch.find("\"tid\":3"), 7, "\"tid\":9");
  const Trace t = Read(Document({kKernel, launch, kOuter, kInner, kOp}));
  const Attribution a = Attribute(t);
  EXPECT_EQ(a.annotation[0], 1);
  EXPECT_EQ(a.operation[0], -1) << "operators of another thread say nothing of it";
}

TEST(KinetoTrace, AKernelWithoutALaunchIsKeptUnattributed) {
  const Trace t = Read(Document({kKernel, kOuter}));
  EXPECT_EQ(Attribute(t).annotation[0], -1);
}

TEST(KinetoTrace, AcceptsABareArrayOfEvents) {
  EXPECT_EQ(Read(std::string("[") + kKernel + "]").events.size(), 1u);
}

TEST(KinetoTrace, SkipsWhatItDoesNotKnow) {
  const std::string odd =
      R"({"ph":"M","name":"process_name","args":{"name":"x","nested":[{"grid":[1]},[[]]]},"pid":"Spans","ts":"x"})";
  const std::string python = R"({"ph":"X","cat":"python_function","name":"f","ts":1,"dur":-5})";
  EXPECT_EQ(Read(Document({odd, python, kKernel})).events.size(), 1u);
}

TEST(KinetoTrace, KeepsNanosecondsOfLargeTimes) {
  EXPECT_EQ(ParseMicroseconds("1740461679479712"), 1740461679479712000);
  EXPECT_EQ(ParseMicroseconds("1740461679479712.125"), 1740461679479712125);
  EXPECT_EQ(ParseMicroseconds("0.0005"), 1);
  EXPECT_EQ(ParseMicroseconds("-3.5"), -3500);
  EXPECT_EQ(ParseMicroseconds("1.5e3"), 1'500'000);
  EXPECT_FALSE(ParseMicroseconds("abc"));
  EXPECT_FALSE(ParseMicroseconds("1e300"));
  EXPECT_FALSE(ParseMicroseconds(""));
}

TEST(KinetoTrace, ACutOffFileSaysWhere) {
  const std::string whole = Document({kOuter, kKernel, kLaunch, kOp});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string error = ErrorOf(whole.substr(0, size));
    EXPECT_THAT(error, HasSubstr("t.json: the trace is cut off at byte")) << size;
  }
  EXPECT_THAT(ErrorOf(whole.substr(0, whole.find("\"cat\":\"cuda_runtime\""))), HasSubstr("after event 2"));
}

TEST(KinetoTrace, ErrorsInEventsNameTheEvent) {
  const auto with = [](const std::string& what, const std::string& instead) {
    std::string event = kKernel;
    event.replace(event.find(what), what.size(), instead);
    return ErrorOf(Document({kOuter, event}));
  };
  EXPECT_THAT(with("\"dur\":30.5", "\"dur\":-3"), HasSubstr("event 1 (ends at byte"));
  EXPECT_THAT(with("\"dur\":30.5", "\"dur\":-3"),
              HasSubstr("'gemm' of category 'kernel': duration -3 us is negative"));
  EXPECT_THAT(with("\"dur\":30.5,", ""), HasSubstr("has no duration"));
  EXPECT_THAT(with("\"ts\":110,", ""), HasSubstr("has no start time"));
  EXPECT_THAT(with("\"ts\":110", "\"ts\":\"soon\""),
              HasSubstr("'ts' is a text, 'soon', expected a number of microseconds"));
  EXPECT_THAT(with("\"dur\":30.5", "\"dur\":\"30.5\""),
              HasSubstr("'dur' is a text, '30.5', expected a number"));
  EXPECT_THAT(with("\"ts\":110", "\"ts\":\"a\\u001bb\""), HasSubstr("'a\\x1bb'"));
  EXPECT_THAT(with("\"ts\":110", "\"ts\":1e17"),
              HasSubstr("'ts' 1e17 is out of range, expected microseconds"));
  EXPECT_THAT(with("\"dur\":30.5", "\"dur\":3e12"), HasSubstr("lasts more than 30 days"));
}

TEST(KinetoTrace, TimesThatCannotBeAreRefused) {
  const auto moved = [](const std::string& ts) {
    std::string event = kKernel;
    const std::string what = "\"ts\":110";
    event.replace(event.find(what), what.size(), "\"ts\":" + ts);
    return event;
  };
  EXPECT_THAT(ErrorOf(Document({kOuter, moved("-110")})), HasSubstr("event 1 (ends at byte"));
  EXPECT_THAT(ErrorOf(Document({kOuter, moved("-110")})), HasSubstr("time -110 us is negative"));
  const std::string mixed = ErrorOf(Document({kKernel, moved("1740461679479712.125")}));
  EXPECT_THAT(mixed, HasSubstr("event 1 (ends at byte"));
  EXPECT_THAT(mixed, HasSubstr("times of two clocks in one trace"));
  EXPECT_EQ(ErrorOf(Document({moved("1740461679479712.125"), moved("1740461680479712.125"), kLaunch})), "");
}

TEST(KinetoTrace, AnyByteReplacedIsReadOrRefused) {
  const std::string whole = Document({kOuter, kKernel, kLaunch, kOp});
  constexpr std::string_view kBytes = "{}[]\",:-9eE.\\x\x00\xff";
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = kBytes[i % kBytes.size()];
    try {
      Analyse(Read(changed));
    } catch (const InputError& e) {
      EXPECT_THAT(e.what(), HasSubstr("t.json")) << changed;
    }
  }
}

std::string KernelOn(const std::string& gpu, int ts) {
  return R"({"ph":"X","cat":"kernel","name":"k","tid":7,"ts":)" + std::to_string(ts) +
         R"(,"dur":5,"args":{"stream":7)" + (gpu.empty() ? "" : R"(,"device":)" + gpu) + "}}";
}

/// A trace that goes on for ever without a value: the same bytes again and again.
class Endless : public std::streambuf {
 public:
  explicit Endless(std::string start) : start_(std::move(start)), more_(1 << 20, 'x') {
    setg(start_.data(), start_.data(), start_.data() + start_.size());
  }

 protected:
  int_type underflow() override {
    setg(more_.data(), more_.data(), more_.data() + more_.size());
    return traits_type::to_int_type(more_[0]);
  }

 private:
  std::string start_, more_;
};

TEST(KinetoTrace, ATextWithoutEndIsRefused) {
  Endless text("{\"traceEvents\": [{\"name\": \"");
  std::istream stream(&text);
  EXPECT_THAT(orrery::ErrorOf([&] { ReadKinetoTrace(stream, "t"); }),
              testing::StartsWith("t: a single value of more than 64 MiB"));
}

TEST(KinetoTrace, DeepNestingIsRefused) {
  for (const char* open : {"[", "{\"a\": "}) {
    std::string text = "{\"x\": ";
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_THAT(orrery::ErrorOf([&] { Read(text); }), testing::HasSubstr("nested more than 64 deep at byte"));
  }
  std::string shapes = R"({"ph":"X","cat":"cpu_op","name":"x","ts":1,"dur":1,"args":{"Input Dims":)";
  shapes += std::string(200000, '[') + std::string(200000, ']') + "}}";
  EXPECT_THAT(ErrorOf(Document({shapes, kKernel})), testing::HasSubstr("nested more than 64 deep"));
}

TEST(KinetoTrace, AnotherEncodingIsNamed) {
  EXPECT_THAT(orrery::ErrorOf([] { Read(std::string("\xff\xfe{\0", 4)); }), testing::HasSubstr("is UTF-16"));
}

/// A stream that breaks in the middle.
class Breaking : public std::streambuf {
 public:
  explicit Breaking(std::string start) : start_(std::move(start)) {
    setg(start_.data(), start_.data(), start_.data() + start_.size());
  }

 protected:
  int_type underflow() override { throw std::ios_base::failure("error reading the file"); }

 private:
  std::string start_;
};

TEST(KinetoTrace, AFileThatBreaksOffIsNotTakenForItsEnd) {
  Breaking text("{\"traceEvents\": [");
  std::istream stream(&text);
  EXPECT_THAT(orrery::ErrorOf([&] { ReadKinetoTrace(stream, "t"); }),
              testing::StartsWith("t: cannot be read beyond"));
}

TEST(KinetoTrace, GpusAreKeptApart) {
  const std::vector<Trace> parts = SplitByGpu(
      Read(Document({kOuter, kInner, kOp, kLaunch, KernelOn("0", 50), kKernel, KernelOn("0", 300)})));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].info.device.name, "GPU A");
  EXPECT_EQ(parts[0].events.size(), 2u);
  EXPECT_TRUE(parts[0].launches.empty());
  EXPECT_EQ(parts[1].info.device.name, "GPU B");
  EXPECT_EQ(parts[1].info.device.sms, 78);
  ASSERT_EQ(parts[1].events.size(), 1u);
  EXPECT_EQ(Attribute(parts[1]).annotation[0], 1) << "each has the ranges";
  EXPECT_THAT(TraceText(Analyse(parts[1])), HasSubstr("t.json (demo), rank 3 of 64, GPU 1, GPU B (78 SMs)"));
  EXPECT_EQ(SplitByGpu(Read(Document({kKernel}))).size(), 1u);
  EXPECT_FALSE(SplitByGpu(Read(Document({kKernel})))[0].info.one_of_several);
}

TEST(KinetoTrace, AnEventThatNamesNoGpuIsOfTheOneThereIs) {
  EXPECT_EQ(Read(Document({KernelOn("", 1), KernelOn("1", 9)})).events[0].device, 1);
  EXPECT_EQ(Read("[" + KernelOn("", 1) + "]").events[0].device, 0);
  EXPECT_THAT(
      ErrorOf(Document({KernelOn("0", 1), KernelOn("1", 9), KernelOn("", 20)})),
      HasSubstr(
          "t.json: 'k' at 20 us names no GPU ('device' in its 'args'), and the trace has events of several"));
}

TEST(KinetoTrace, AGpuThatIsNotDescribedHasNoName) {
  const Trace t = Read(Document({KernelOn("5", 1)}));
  EXPECT_EQ(t.info.device.id, 5);
  EXPECT_EQ(t.info.device.name, "");
  EXPECT_EQ(t.info.device.sms, 0);
}

TEST(KinetoTrace, SaysWhenItWasAndWithWhichCuda) {
  const std::string text =
      R"({"cuda_driver_version":12080,"cuda_runtime_version":12040,"cupti_version":22,"baseTimeNanoseconds":1738000000000000000,)"
      R"("traceEvents":[{"ph":"X","cat":"cpu_op","name":"aten::mm","ts":10,"dur":20,"tid":1,"args":{"Input Dims":[[64,128],[128,256]]}},)"
      R"({"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","ts":15,"dur":2,"tid":1,"args":{"correlation":3}},)"
      R"({"ph":"X","cat":"kernel","name":"nvjet_tst_a","ts":2592000000000,"dur":5,"tid":7,"args":{"correlation":3}}]})";
  const MeasurementRun run = TraceMeasurement(Analyse(Read(text)), 132);
  EXPECT_EQ(run.date_utc, "2025-02-26T17:46:40Z") << "30 days after the base time";
  EXPECT_EQ(run.cuda_runtime, "12.4");
  EXPECT_EQ(run.driver, "CUDA 12.8 driver");
  EXPECT_EQ(run.cupti, "22");
  std::string absolute = text;
  absolute.replace(absolute.find("2592000000000"), 13, "1740592000000000");
  EXPECT_EQ(TraceMeasurement(Analyse(Read(absolute)), 132).date_utc, "2025-02-26T17:46:40Z")
      << "times from 1970 need no base";
  for (const char* base : {"0", "-5", "1e300", "9000000000000000000", "\"x\""}) {
    std::string other = text;
    other.replace(other.find("1738000000000000000"), 19, base);
    EXPECT_EQ(TraceMeasurement(Analyse(Read(other)), 132).date_utc, "not recorded") << base;
  }
}

TEST(KinetoTrace, FilesOfOtherToolsAreRefusedWithAdvice) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("the file is empty"));
  EXPECT_THAT(ErrorOf("\x28\xb5\x2f\xfd zstd"), HasSubstr("zstd -dc FILE"));
  EXPECT_THAT(ErrorOf("SQLite format 3"), HasSubstr("export_chrome_trace"));
  EXPECT_THAT(ErrorOf("{\"nodes\": [1, 2]}"), HasSubstr("without 'traceEvents'"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("not valid JSON at byte 1"));
  EXPECT_THAT(ErrorOf("{\"traceEvents\": []} {}"), HasSubstr("not valid JSON"));
  const std::string cpu_only = ErrorOf(Document({kOuter, kOp}));
  EXPECT_THAT(cpu_only, HasSubstr("no GPU events"));
  EXPECT_THAT(cpu_only, HasSubstr("cpu_op (1), user_annotation (1)"));
  EXPECT_THROW(ReadKinetoTrace(std::filesystem::path("/nonexistent/x.json")), InputError);
  EXPECT_THROW(ReadKinetoTrace(std::filesystem::path("/tmp")), InputError);
}

/// The text as `gzip` writes it.
std::string Packed(const std::string& text) {
  z_stream zlib{};
  EXPECT_EQ(deflateInit2(&zlib, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&zlib, static_cast<uLong>(text.size())), '\0');
  std::string copy = text;
  zlib.next_in = reinterpret_cast<Bytef*>(copy.data());
  zlib.avail_in = static_cast<uInt>(copy.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  packed.resize(zlib.total_out);
  deflateEnd(&zlib);
  return packed;
}

TEST(KinetoTrace, GzipIsReadAsItIsUnpacked) {
  std::vector<std::string> events(60'000, kOuter);  // several pieces of the reader
  events.push_back(kKernel);
  const std::string text = Document(events);
  const Trace t = Read(Packed(text));
  EXPECT_EQ(t.info.events_read, events.size());
  EXPECT_EQ(t.events.size(), 1u);
  const std::size_t half = text.size() / 2;
  EXPECT_EQ(Read(Packed(text.substr(0, half)) + Packed(text.substr(half))).info.events_read, events.size())
      << "files put together, as some writers flush";
}

TEST(KinetoTrace, GzipThatIsCutOffOrDamagedSaysWhere) {
  const std::string packed = Packed(Document({kOuter, kKernel, kLaunch, kOp}));
  for (std::size_t size = 1; size < packed.size(); ++size)
    EXPECT_THAT(ErrorOf(packed.substr(0, size)), HasSubstr("t.json: gzip: cut off at compressed byte"))
        << size;
  for (std::size_t i = 0; i < packed.size(); ++i) {
    std::string changed = packed;
    changed[i] = static_cast<char>(changed[i] ^ 0x55);
    try {
      Read(changed);
    } catch (const InputError& e) {
      EXPECT_THAT(e.what(), HasSubstr("t.json"));
    }
  }
  EXPECT_THAT(ErrorOf("\x1f\x8b\x08 no gzip at all"), HasSubstr("gzip: "));
}

TEST(KinetoTrace, TwoListsInOneFileAreRefused) {
  const std::string list = std::string("\"traceEvents\":[") + kKernel + "]";
  EXPECT_THAT(ErrorOf("{" + list + "," + list + "}"),
              HasSubstr("a second list of 'traceEvents' begins at byte"));
  EXPECT_THAT(ErrorOf(R"({"deviceProperties":[{"id":0}],"deviceProperties":[{"id":1}],)" + list + "}"),
              HasSubstr("a second list of 'deviceProperties'"));
}

TEST(KinetoTrace, StreamHandlesAreReadWhole) {
  const auto on = [](const std::string& stream) {
    std::string event = kKernel;
    event.replace(event.find("\"stream\":7"), 10, "\"stream\":" + stream);
    return event;
  };
  const Trace t =
      Read(Document({on("139872347897856"), on("139872347897857"), on("18446744073709551615"), on("-1")}));
  ASSERT_EQ(t.events.size(), 4u);
  EXPECT_EQ(t.events[0].stream, 139872347897856u);
  EXPECT_EQ(t.events[1].stream, 139872347897857u);
  EXPECT_EQ(t.events[2].stream, 18446744073709551615u);
  EXPECT_EQ(t.events[3].stream, 7u) << "none: the thread, which Kineto numbers as streams";
  EXPECT_THAT(TraceText(Analyse(t)), HasSubstr("18446744073709551615"));
}

TEST(KinetoTrace, ResultsOfOtherToolsAreNamed) {
  EXPECT_THAT(ErrorOf(R"({"meta":{},"benchmarks":[{"states":[]}]})"), HasSubstr("is a result of nvbench"));
  EXPECT_THAT(ErrorOf("Testing GEMM:\n > Perf (m=64, n=64, k=64): 5 us | 10 TFLOPS\n"),
              HasSubstr("is a log of DeepGEMM's tests"));
  EXPECT_THAT(ErrorOf(R"({"schema": "1.1.1-chakra.0.0.4", "nodes": []})"),
              HasSubstr("is a Chakra execution trace"));
}

/// Gigabytes would do; this is the same stream, shorter: events nobody needs between a few that somebody
/// does.
class EndlessEvents final : public std::streambuf {
 public:
  explicit EndlessEvents(std::size_t events) : left_(events) {}

 protected:
  int_type underflow() override {
    if (left_ == 0) return traits_type::eof();
    text_ = left_-- % 1000 == 0 ? std::string(kKernel)
                                : R"({"ph":"X","cat":"python_function","name":"f)" + std::to_string(left_) +
                                      R"(","ts":1,"dur":1})";
    text_ = (first_ ? "[" : ",") + text_ + (left_ == 0 ? "]" : "");
    first_ = false;
    setg(text_.data(), text_.data(), text_.data() + text_.size());
    return traits_type::to_int_type(text_[0]);
  }

 private:
  std::size_t left_;
  bool first_ = true;
  std::string text_;
};

TEST(KinetoTrace, MemoryFollowsWhatIsKeptNotTheFile) {
  EndlessEvents buffer(200'000);
  std::istream stream(&buffer);
  const Trace t = ReadKinetoTrace(stream, "long.json");
  EXPECT_EQ(t.info.events_read, 200'000u);
  EXPECT_EQ(t.events.size(), 200u);
  EXPECT_EQ(t.names.size(), 2u) << "names of events that are dropped are not kept";
}

TEST(Intervals, UnionAndOverlap) {
  const auto u = Union({{5, 7}, {0, 2}, {1, 3}, {7, 9}, {4, 4}});
  EXPECT_EQ(u, (std::vector<Interval>{{0, 3}, {5, 9}}));
  EXPECT_EQ(Length(u), 7);
  EXPECT_EQ(OverlapLength(u, {{2, 6}, {8, 20}}), 1 + 1 + 1);
  EXPECT_EQ(OverlapLength(u, {}), 0);
  EXPECT_EQ(OverlapLength(u, u), Length(u));
}

}  // namespace
}  // namespace orrery::profiler
