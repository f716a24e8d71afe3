#include "profiler/measurement/measurement.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "tests/core/input_error.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

/// A run with one sample of each shape and every optional field.
MeasurementRun FullRun() {
  MeasurementRun run = SyntheticRun(1, 1, 1, 8, {});
  run.command = "orrery profile run --suite \"x\"";
  run.clocks = {1755, 2619, 1980, 2619, "none", 612.5};
  run.counters_note = "needs a privilege";
  KernelSample& gemm = run.samples[0];
  gemm.variant = "no-promotion";
  gemm.sm_clock_mhz = 1755;
  gemm.counters.dram_read_bytes = 1e6;
  gemm.counters.tensor_fp8_flops = 2e9;
  KernelSample attention = gemm;
  attention.kind = OpKind::kAttentionDecode;
  attention.shape = AttentionShape{128, 128, 1, 1, 4096, 576, 512, false};
  attention.beside_copy = true;
  attention.reference_error.reset();
  KernelSample rows = gemm;
  rows.kind = OpKind::kRmsNorm;
  rows.shape = RowsShape{4096, 7168};
  rows.kernel = "void norm<\"quoted\", \\ >(é)";
  run.samples.push_back(attention);
  run.samples.push_back(rows);
  return run;
}

std::string ErrorOf(const std::string& text) {
  try {
    ParseMeasurement(text, "m.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(Measurement, ASecondSampleOfACaseAndProcessIsRefused) {
  MeasurementRun run = FullRun();
  run.samples.push_back(run.samples.back());
  EXPECT_THAT(ErrorOf(MeasurementJson(run)), HasSubstr("a second sample of process"));
  run.samples.back().process += 1;
  EXPECT_EQ(ErrorOf(MeasurementJson(run)), "");
}

TEST(Measurement, ADateThatIsNoneIsRefused) {
  MeasurementRun run = FullRun();
  for (const char* date :
       {"", "yesterday", "2026-01-31", "2026-01-31 12:00:00", "2026-1-31T12:00:00Z0", "2026-13-01T12:00:00Z",
        "2026-02-29T12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "-026-01-31T12:00:00Z"}) {
    run.date_utc = date;
    EXPECT_THAT(ErrorOf(MeasurementJson(run)), HasSubstr("expected a date and time in UTC")) << date;
  }
  for (const char* date : {"2024-02-29T23:59:60Z", "not recorded"}) {
    run.date_utc = date;
    EXPECT_EQ(ErrorOf(MeasurementJson(run)), "");
  }
}

TEST(Measurement, SurvivesWritingAndReading) {
  const MeasurementRun run = FullRun();
  const std::string text = MeasurementJson(run);
  const MeasurementRun back = ParseMeasurement(text, "m.json");
  EXPECT_EQ(MeasurementJson(back), text);
  ASSERT_EQ(back.samples.size(), 3u);
  EXPECT_EQ(back.samples[0].shape, run.samples[0].shape);
  EXPECT_EQ(back.samples[1].shape, run.samples[1].shape);
  EXPECT_EQ(back.samples[2].shape, run.samples[2].shape);
  EXPECT_EQ(back.samples[2].kernel, run.samples[2].kernel);
  EXPECT_EQ(back.samples[0].durations_us, run.samples[0].durations_us);
  EXPECT_EQ(back.samples[0].counters, run.samples[0].counters);
  EXPECT_TRUE(back.samples[1].beside_copy);
  EXPECT_FALSE(back.samples[1].reference_error.has_value());
  EXPECT_EQ(back.clocks.throttling, "none");
  EXPECT_EQ(back.libraries.at("cublasLt"), "13.1.0.3");
}

TEST(Measurement, ErrorsNamePlaceKeyAndWhatWasExpected) {
  const std::string good = MeasurementJson(FullRun());
  struct Mistake {
    std::string what, with, said;
  };
  for (const Mistake& mistake :
       std::vector<Mistake>{{"\"suite\"", "\"suit\"", "did you mean 'suite'"},
                            {"\"schema_version\": 1", "\"schema_version\": 9", "schema_version"},
                            {"gemm_fp8\",\"shape", "gemm_fp9\",\"shape", "did you mean 'gemm_fp8'"},
                            {"\"sms\":132", "\"sms\":-1", "samples[0].sms: '-1': expected"},
                            {"\"durations_us\":[", "\"durations_us\":[-3,", "durations_us[0]: '-3'"},
                            {"\"durations_us\":[", "\"durations_us\":[],\"x\":[", "unknown key"}}) {
    EXPECT_THAT(ErrorOf(Replaced(good, mistake.what, mistake.with)), HasSubstr(mistake.said));
  }
  EXPECT_THAT(ErrorOf(good.substr(0, good.size() / 2)), HasSubstr("m.json:"));
  EXPECT_THAT(ErrorOf("{\"traceEvents\": []}"), HasSubstr("not a measurement file"));
  for (const char* other : {"[1, 2]", "{\"traceEvents\": [{\"ph\": \"X\"", "\"\\q"})
    EXPECT_THAT(ErrorOf(other), HasSubstr("not a measurement file")) << other;
  EXPECT_THAT(ErrorOf("\x1f\x8b\x08"), HasSubstr("compressed with gzip"));
}

TEST(Measurement, ATextIsNoNumber) {
  const std::string good = MeasurementJson(FullRun());
  for (const char* key : {"\"sms\":132", "\"process\":0", "\"sm_clock_mhz\":1755.0", "\"m\":4096"}) {
    std::string text = key;
    text.insert(text.find(':') + 1, 1, '"');
    EXPECT_THAT(ErrorOf(Replaced(good, key, text + '"')), HasSubstr("is a text, expected a number")) << key;
  }
  EXPECT_THAT(ErrorOf(Replaced(good, "\"durations_us\":[", "\"durations_us\":[\"1\",")),
              HasSubstr("samples[0].durations_us[0]: '1': is a text, expected a number"));
}

TEST(Measurement, AShapeThatIsNotItsKindsAndMoreSmsThanTheDeviceHasAreRefused) {
  MeasurementRun run = FullRun();
  run.samples[0].shape = RowsShape{4096, 7168};
  EXPECT_THAT(ErrorOf(MeasurementJson(run)),
              HasSubstr("samples[0].shape.type: 'rows': expected 'gemm', the shape of gemm_fp8"));
  run = FullRun();
  run.samples[0].sms = 500;
  EXPECT_THAT(ErrorOf(MeasurementJson(run)),
              HasSubstr("samples[0].sms: '500': expected at most the device's 132 SMs"));
}

TEST(Measurement, WhatIsNoRegularFileIsRefusedUnread) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("orrery_measurement_pipe_" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::filesystem::path& file : {folder, folder / "pipe", std::filesystem::path("/dev/zero")}) {
    EXPECT_EQ(orrery::ErrorOf([&] { ReadMeasurement(file); }), file.string() + ": not a regular file");
    EXPECT_FALSE(IsMeasurement(file));
  }
  std::filesystem::remove_all(folder);
}

TEST(Measurement, AFileThatWasCutOffSaysSo) {
  const std::string good = MeasurementJson(FullRun());
  for (const std::size_t bytes : {good.size() / 2, good.size() - 3, std::size_t{60}})
    EXPECT_EQ(ErrorOf(good.substr(0, bytes)),
              "m.json: cut off: the measurement ends in the middle, at byte " + std::to_string(bytes));
  EXPECT_THAT(ErrorOf(Replaced(good, "\"suite\"", "}")), testing::Not(HasSubstr("cut off")));
}

TEST(Measurement, AnEmptyListOfSamplesOrDurationsIsRefused) {
  MeasurementRun run = FullRun();
  run.samples[0].durations_us.clear();
  EXPECT_THAT(ErrorOf(MeasurementJson(run)), HasSubstr("expected at least one duration"));
  run.samples.clear();
  EXPECT_THAT(ErrorOf(MeasurementJson(run)), HasSubstr("expected at least one sample"));
}

TEST(Measurement, IsWrittenWholeOrNotAtAll) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("orrery_measurement_test_" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  EXPECT_THROW(WriteMeasurement(FullRun(), folder / "none" / "m.json"), InputError);
  std::filesystem::create_directories(folder);
  WriteMeasurement(FullRun(), folder / "m.json");
  EXPECT_EQ(ReadMeasurement(folder / "m.json").samples.size(), 3u);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files += entry.is_regular_file();
  EXPECT_EQ(files, 1) << "no temporary file is left";
  std::filesystem::remove_all(folder);
}

TEST(Measurement, CaseKeysTellConditionsApart) {
  KernelSample s = FullRun().samples[0];
  const std::string key = CaseKey(s);
  KernelSample other = s;
  other.process = 7;
  EXPECT_EQ(CaseKey(other), key) << "processes of one case share its key";
  for (auto change : std::vector<void (*)(KernelSample&)>{
           [](KernelSample& x) { x.sms = 112; }, [](KernelSample& x) { x.beside_copy = true; },
           [](KernelSample& x) { x.variant = ""; }, [](KernelSample& x) { x.op_label = "o"; },
           [](KernelSample& x) {
             x.shape = RowsShape{1, 1};
           }}) {
    other = s;
    change(other);
    EXPECT_NE(CaseKey(other), key);
  }
}

TEST(Measurement, ProcessesAreMergedInOrderAndOnlyFromOneMachine) {
  const MeasurementRun one = SyntheticRun(1, 2, 1, 5, {}), two = SyntheticRun(2, 2, 1, 5, {});
  const MeasurementRun merged = MergeProcesses({one, two}, {"a", "b"});
  ASSERT_EQ(merged.samples.size(), 4u);
  EXPECT_EQ(merged.samples[0].process, 0);
  EXPECT_EQ(merged.samples[3].process, 1);
  MeasurementRun other = two;
  other.driver = "570.00";
  try {
    MergeProcesses({one, other}, {"a", "b"});
    FAIL();
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("a and b cannot be merged: different driver '580.00' and '570.00'"));
  }
  EXPECT_THROW(MergeProcesses({}, {}), InputError);
}

TEST(Measurement, PartsKeepTheirProcessesAndGapsAndComeOnce) {
  MeasurementRun one = SyntheticRun(1, 2, 2, 5, {}), two = SyntheticRun(2, 1, 2, 5, {});
  for (KernelSample& sample : two.samples) sample.op_label = "another section";
  two.launch_gaps = {{"stream", 1, {1.5}}};
  const MeasurementRun merged = MergeParts({one, two}, {"a.json", "b.json"});
  ASSERT_EQ(merged.samples.size(), 6u);
  EXPECT_EQ(merged.samples[5].process, 1);
  EXPECT_EQ(merged.launch_gaps.size(), 1u);
  EXPECT_THAT(orrery::ErrorOf([&] {
                MergeParts({two, one, one}, {"a.json", "b.json", "c.json"});
              }),
              HasSubstr("is in two of the measurements: b.json and c.json"));
  two.libraries["cuDNN"] = "9.19.0";
  EXPECT_EQ(orrery::ErrorOf([&] {
              MergeParts({one, two}, {"a.json", "b.json"});
            }),
            "a.json and b.json cannot be merged: different library versions");
}

TEST(Measurement, TheClocksOfEveryPartCount) {
  const MeasurementRun plain = SyntheticRun(1, 1, 1, 5, {});
  const auto part = [&](int process, const Clocks& clocks, const std::string& date) {
    MeasurementRun run = plain;
    run.samples[0].process = process;
    run.clocks = clocks;
    run.date_utc = date;
    return run;
  };
  const std::vector<MeasurementRun> parts = {
      part(0, {1755, 2619, 1980, 2619, "none", 500}, "2026-01-31T12:00:00Z"),
      part(1, {1400, 2619, 1980, 2619, "software power cap, idle", 700}, "2026-01-30T12:00:00Z"),
      part(2, {1740, 0, 0, 0, "idle, hardware slowdown", 0}, "2026-02-01T12:00:00Z")};
  const MeasurementRun merged = MergeParts(parts, {"a", "b", "c"});
  EXPECT_EQ(merged.clocks.throttling, "software power cap, idle, hardware slowdown");
  EXPECT_EQ(merged.clocks.sm_mhz, 1740);
  EXPECT_EQ(merged.clocks.memory_mhz, 2619);
  EXPECT_EQ(merged.clocks.sm_max_mhz, 1980);
  EXPECT_EQ(merged.clocks.power_w, 700);
  EXPECT_EQ(merged.date_utc, "2026-01-30T12:00:00Z");
  const MeasurementRun quiet = MergeParts({parts[0], part(1, {}, "not recorded")}, {"a", "b"});
  EXPECT_EQ(quiet.clocks.throttling, "none");
  EXPECT_EQ(quiet.clocks.sm_mhz, 1755);
  EXPECT_EQ(quiet.date_utc, "not recorded");
}

TEST(Measurement, PartsOfOtherNumbersOfSmsAreNotMerged) {
  const MeasurementRun one = SyntheticRun(1, 1, 1, 5, {});
  MeasurementRun two = one;
  two.device.sms = 66;
  EXPECT_EQ(orrery::ErrorOf([&] {
              MergeParts({one, two}, {"a.json", "b.json"});
            }),
            "a.json and b.json cannot be merged: different numbers of SMs '132' and '66'");
}

TEST(Measurement, LaunchGapsAreReadStrictly) {
  MeasurementRun run = SyntheticRun(1, 1, 1, 5, {});
  run.launch_gaps = {{"stream", 0, {1.5, 2}}, {"graph", 0, {0.5}}};
  const std::string text = MeasurementJson(run);
  EXPECT_EQ(ParseMeasurement(text, "m.json").launch_gaps[0].gaps_us, (std::vector<double>{1.5, 2}));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  EXPECT_THROW(ParseMeasurement(with("\"stream\"", "[3]"), "m"), InputError);
  EXPECT_THROW(ParseMeasurement(with("0.5", "-0.5"), "m"), InputError);
  EXPECT_THROW(ParseMeasurement(with("\"gaps_us\"", "\"gaps\""), "m"), InputError);
}

TEST(Measurement, DatesAreIso8601) {
  EXPECT_EQ(Iso8601Utc(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Iso8601Utc(1740461679), "2025-02-25T05:34:39Z");
}

}  // namespace
}  // namespace orrery::profiler
