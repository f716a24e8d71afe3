#include "profiler/trace/kernel_log.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "core/base/error.h"
#include "profiler/trace/trace_report.h"
#include "tests/core/input_error.h"
#include "tests/profiler/cupti/fake_cupti.h"

namespace orrery::profiler {
namespace {

using cupti::ActivityKind;
using cupti::ActivityRecord;
using testing::HasSubstr;

class KernelLog : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  KernelLogHeader header_{4711, 3, 8, "python3", "NVIDIA Test", "9.0", 132, "580.00", 130001};
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("orrery_kernel_log_test_" + std::to_string(getpid()));
  std::filesystem::path file_ = folder_ / KernelLogFileName(header_);

  std::string Text() const {
    std::ifstream stream(file_);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  static std::string ErrorOf(const std::string& text) {
    std::istringstream stream(text);
    try {
      ReadKernelLog(stream, "log");
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }
};

cupti::MarkerRecord Marker(cupti::MarkerRecord::Type type, std::uint32_t id, std::int64_t time,
                           std::string_view name) {
  return {type, id, time, 1, 12, name};
}

TEST_F(KernelLog, WhatASessionRecordsIsReadBackWithItsRanges) {
  {
    cupti::FakeCupti fake;
    KernelLogWriter log(file_, header_);
    cupti::Session session(fake, {}, [&](const ActivityRecord& r) { log.Write(r); });
    session.Start();
    fake.Record(cupti::RawKernel("flash_fwd_splitkv_mla_kernel", 2000, 5000, 42));
    fake.Record(cupti::RawKernel("ncclDevKernel_AllReduce", 5000, 5500, 43));
    session.Stop();
    log.Write(ActivityRecord{
        Marker(cupti::MarkerRecord::Type::kStart, 6, 100, "decode, seq = 1, sizes = [[128, 576]]")});
    log.Write(ActivityRecord{cupti::ApiRecord{150, 160, 1, 12, 42, 211}});
    log.Write(ActivityRecord{Marker(cupti::MarkerRecord::Type::kEnd, 6, 900, "")});
    log.Write(ActivityRecord{cupti::MemcpyRecord{1, 4096, 6000, 6100, 2, 7, 44}});
    log.Write(ActivityRecord{cupti::EnvironmentRecord{0, 10, 1755, 2619, 0, {}, {}, {}}});
    log.Close(session.losses());
    EXPECT_TRUE(log.ok());
  }
  EXPECT_TRUE(IsKernelLog(file_));
  const Trace t = ReadKernelLog(file_);
  EXPECT_EQ(t.info.rank, 3);
  EXPECT_EQ(t.info.trace_name, "python3 (pid 4711)");
  EXPECT_EQ(t.info.note, "");
  ASSERT_EQ(t.events.size(), 3u);
  EXPECT_EQ(t.name(t.events[0]), "flash_fwd_splitkv_mla_kernel");
  EXPECT_EQ(t.events[0].duration_ns, 3000);
  EXPECT_EQ(t.events[0].grid, (std::array{112, 113, 114}));
  EXPECT_EQ(t.name(t.events[2]), "Memcpy HtoD");
  EXPECT_EQ(t.events[2].bytes, 4096);
  EXPECT_THAT(t.sm_clocks_mhz, testing::ElementsAre(1755));
  const Attribution a = Attribute(t);
  ASSERT_EQ(a.annotation[0], 0);
  EXPECT_THAT(t.name(t.annotations[0].name), HasSubstr("[[128, 576]]"));
  EXPECT_EQ(a.annotation[1], -1);
}

TEST_F(KernelLog, AKilledProgramLeavesALogThatCanBeRead) {
  {
    KernelLogWriter log(file_, header_);
    for (int i = 0; i < 3; ++i)
      log.Write(ActivityRecord{cupti::KernelRecord{"k", 10, 20, 0, 0, 7, 1, {}, {}, {}, 0, 0, 0, 0}});
    log.Flush();
  }
  const std::string text = Text();
  EXPECT_EQ(ReadKernelLog(file_).events.size(), 3u);
  EXPECT_THAT(ReadKernelLog(file_).info.note, HasSubstr("no closing line"));
  std::istringstream cut(text.substr(0, text.size() - 10));
  EXPECT_EQ(ReadKernelLog(cut, "log").events.size(), 2u) << "the last line is not whole";
}

TEST_F(KernelLog, LossesAreNoted) {
  {
    KernelLogWriter log(file_, header_);
    log.Close({17, 2, 0, 0});
  }
  EXPECT_EQ(ReadKernelLog(file_).info.note, "17 records dropped; 2 records untimed");
}

TEST_F(KernelLog, ErrorsNameTheLine) {
  const std::string head =
      R"({"schema":"orrery-kernel-log","schema_version":1,"pid":1,"rank":-1,"world_size":0,"program":"p","device":"d","compute_capability":"9.0","sms":1})"
      "\n";
  const std::string name = "[\"name\",1,\"k\"]\n";
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("{}\n"), HasSubstr("log:1: is no kernel log"));
  EXPECT_THAT(ErrorOf(head + "nonsense\n[]\n"), HasSubstr("log:2: is not JSON"));
  EXPECT_THAT(ErrorOf(head + "[\"kernel\",1,5,9,0,7,1,[1,1,1],[1,1,1],0,0]\n"),
              HasSubstr("names a kernel that no line before it gave"));
  EXPECT_THAT(ErrorOf(head + name + "[\"kernel\",1,9,5,0,7,1,[1,1,1],[1,1,1],0,0]\n"),
              HasSubstr("log:3: ends at 5 ns before it starts"));
  EXPECT_THAT(ErrorOf(head + name + "[\"kernel\",1,5,9,0,7,1,[1,1],[1,1,1],0,0]\n"),
              HasSubstr("expected three numbers"));
  EXPECT_THAT(ErrorOf(head + name + "[\"kernel\",1]\n"), HasSubstr("expected a whole number as item 3"));
  EXPECT_THAT(ErrorOf(head + "[\"kernal\",1]\n"), HasSubstr("unknown record 'kernal'"));
  EXPECT_THAT(ErrorOf(R"({"schema":"orrery-kernel-log","schema_version":2})"
                      "\n"),
              HasSubstr("schema_version"));
  EXPECT_THAT(ErrorOf(R"({"schema":"orrery-kernel-log","schema_version":1})"
                      "\n"),
              HasSubstr("log:1: has a bad header: 'program' is missing"));
  const auto header = [&](const std::string& from, const std::string& to) {
    std::string changed = head;
    return ErrorOf(changed.replace(changed.find(from), from.size(), to));
  };
  EXPECT_THAT(header(",\"sms\":1", ""), HasSubstr("bad header: 'sms' is missing"));
  EXPECT_THAT(header("\"sms\":1", "\"sms\":-3"), HasSubstr("'sms': -3: expected a whole number from 0"));
  EXPECT_THAT(header("\"device\":\"d\"", "\"device\":7"), HasSubstr("'device': expected a text"));
  EXPECT_THAT(ErrorOf(head + "{\"end\":true}\n" + name), HasSubstr("log:3: stands behind the closing line"));
}

TEST_F(KernelLog, ALineWithoutEndIsRefused) {
  std::istringstream stream("{\"schema\":\"orrery-kernel-log\"" + std::string(std::size_t{3} << 20, ' '));
  EXPECT_THAT(orrery::ErrorOf([&] { ReadKernelLog(stream, "log"); }),
              testing::StartsWith("log:1: is longer than"));
}

TEST_F(KernelLog, ALinkUnderItsNameIsNotFollowed) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("orrery_log_link_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "victim") << "precious";
  std::filesystem::create_symlink(folder / "victim", folder / "log.jsonl");
  { KernelLogWriter(folder / "log.jsonl", KernelLogHeader{}); }
  std::string text;
  std::ifstream(folder / "victim") >> text;
  EXPECT_EQ(text, "precious");
  std::filesystem::remove_all(folder);
}

TEST_F(KernelLog, AFolderThatCannotBeWrittenIsNoReasonToStop) {
  KernelLogWriter log(folder_ / "none" / "x.jsonl", header_);
  log.Write(ActivityRecord{cupti::KernelRecord{}});
  log.Close({});
  EXPECT_FALSE(log.ok());
}

TEST_F(KernelLog, EveryGpuOfTheProcessIsDescribed) {
  header_.more_devices = {{1, "NVIDIA Other", "10.0", 148, 0}};
  {
    KernelLogWriter log(file_, header_);
    for (const std::uint32_t gpu : {1u, 0u, 2u})
      log.Write(ActivityRecord{cupti::KernelRecord{"k", 10 + gpu, 20, gpu, 0, 7, 1, {}, {}, {}, 0, 0, 0, 0}});
    log.Close({});
  }
  const std::vector<Trace> parts = SplitByGpu(ReadKernelLog(file_));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].info.device.name, "NVIDIA Test");
  EXPECT_EQ(parts[1].info.device.name, "NVIDIA Other");
  EXPECT_EQ(parts[1].info.device.sms, 148);
  EXPECT_EQ(parts[2].info.device.name, "") << "one the process did not see at its start";
  EXPECT_EQ(parts[0].info.driver, "580.00");
  EXPECT_EQ(parts[0].info.cupti, "130001");
}

TEST_F(KernelLog, CutOffAnywhereItIsReadToItsLastWholeLineOrRefused) {
  {
    KernelLogWriter log(file_, header_);
    for (int i = 0; i < 3; ++i)
      log.Write(ActivityRecord{cupti::KernelRecord{"k", 10, 20, 0, 0, 7, 1, {}, {}, {}, 0, 0, 0, 0}});
    log.Close({});
  }
  const std::string text = Text();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string cut = text.substr(0, size);
    const auto lines = std::count(cut.begin(), cut.end(), '\n');
    std::istringstream stream(cut);
    try {
      const Trace t = ReadKernelLog(stream, "log");
      EXPECT_LE(static_cast<std::ptrdiff_t>(t.events.size()), std::max<std::ptrdiff_t>(lines - 1, 0));
      EXPECT_GE(static_cast<std::ptrdiff_t>(t.events.size()), std::min<std::ptrdiff_t>(lines - 2, 3));
      if (size + 1 < text.size()) {
        EXPECT_THAT(t.info.note, HasSubstr("no closing line")) << size;
      }
    } catch (const InputError& e) {
      EXPECT_LT(lines, 1) << e.what();
    }
  }
}

TEST_F(KernelLog, FilesAreNamedByRankAndProcess) {
  EXPECT_EQ(KernelLogFileName(header_), "rank3-pid4711.jsonl");
  header_.rank = -1;
  EXPECT_EQ(KernelLogFileName(header_), "pid4711.jsonl");
}

TEST_F(KernelLog, ProcessesAreReportedTogetherByClass) {
  std::vector<AnalysedTrace> processes;
  for (int rank = 0; rank < 2; ++rank) {
    header_.rank = rank;
    const auto file = folder_ / KernelLogFileName(header_);
    {
      KernelLogWriter log(file, header_);
      log.Write(ActivityRecord{
          cupti::KernelRecord{"ncclDevKernel_AllReduce", 0, 1'000'000, 0, 0, 27, 1, {}, {}, {}, 0, 0, 0, 0}});
      log.Write(ActivityRecord{
          cupti::KernelRecord{"nvjet_tst_a", 500'000, 2'500'000, 0, 0, 7, 2, {}, {}, {}, 0, 0, 0, 0}});
      log.Close({});
    }
    processes.push_back(Analyse(ReadKernelLog(file)));
  }
  const std::string text = ProcessesText(processes);
  EXPECT_THAT(text, HasSubstr("2 processes"));
  EXPECT_THAT(text, HasSubstr("GEMM                             2         4.00   66.7 %"));
  EXPECT_THAT(text, HasSubstr("0.50 ms")) << "exposed communication of each";
  EXPECT_THAT(ProcessesJson(processes), HasSubstr("\"processes\""));
}

}  // namespace
}  // namespace orrery::profiler
