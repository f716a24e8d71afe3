// `profile run`, `attach` and `import` as their user meets them: words in, text, files and exit codes out.
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "hw/cost/kernel_table.h"
#include "tests/cli/profile_fixture.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using profiler::SyntheticRun;
using testing::HasSubstr;

TEST_F(ProfileCommand, RunAndAttachWithoutTheDeviceHalfAreUnavailable) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"profile", "run"}, {"profile", "attach", "--", "true"}}) {
    const Outcome o = RunCommand(words);
    EXPECT_EQ(o.code, 77);
    EXPECT_THAT(o.error, HasSubstr("no GPU can be measured from here"));
    EXPECT_EQ(o.error.find('\n'), std::string::npos) << "one line";
  }
}

TEST_F(ProfileCommand, RunWithoutAGpuIsUnavailableWithTheReason) {
  InstallDevice("echo 'orrery-device: no NVIDIA driver' >&2; exit 77\n");
  const Outcome o = RunCommand({"profile", "run"});
  EXPECT_EQ(o.code, 77);
  EXPECT_EQ(o.error, "no NVIDIA driver");
}

TEST_F(ProfileCommand, RunWritesTheMeasurementAndTheTable) {
  InstallDeviceOfAnH100();
  const Outcome o = RunCommand(
      {"profile", "run", "--processes", "2", "--out", File("m.json"), "--calibration", File("table.yaml")});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_EQ(profiler::ReadMeasurement(File("m.json")).samples.size(), 4u);
  EXPECT_THAT(Read("table.yaml"), HasSubstr("device: h100-sxm"));
}

TEST_F(ProfileCommand, ATableIsSaidToBeWrittenOnlyAfterItWas) {
  InstallDeviceOfAnH100();
  testing::internal::CaptureStderr();
  const Outcome o = RunCommand({"profile", "run", "--processes", "1", "--out", File("m.json"),
                                "--calibration", File("none/table.yaml")});
  EXPECT_EQ(o.code, 2);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("2 samples of synthetic"));
  EXPECT_THAT(said, testing::Not(HasSubstr("rows for")));
}

TEST_F(ProfileCommand, AnUnknownDevicePresetIsBadInputBeforeAnyWork) {
  const std::string trace = Write("t.json", std::string(kTrace));
  const Outcome o =
      RunCommand({"profile", "import", trace, "--device", "h100-smx", "--json", File("s.json")});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.error, HasSubstr("did you mean 'h100-sxm'"));
  EXPECT_FALSE(fs::exists(File("s.json")));
}

TEST_F(ProfileCommand, ATableForAnotherDeviceThanTheMeasuredIsRefusedUnlessForced) {
  InstallDeviceOfAnH100();
  std::vector<std::string> words = {"profile",      "run",           "--processes",  "1",        "--out",
                                    File("m.json"), "--calibration", File("t.yaml"), "--device", "h800-sxm"};
  const Outcome refused = RunCommand(words);
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("which is h100-sxm"));
  EXPECT_FALSE(fs::exists(File("t.yaml")));
  EXPECT_TRUE(fs::exists(File("m.json"))) << "the measurement is kept";
  words.emplace_back("--force");
  EXPECT_EQ(RunCommand(words).code, 0);
  EXPECT_THAT(Read("t.yaml"), HasSubstr("device: h800-sxm"));
}

TEST_F(ProfileCommand, ATraceOfAnotherDeviceThanTheNamedIsRefusedUnlessForced) {
  const std::string trace =
      Write("t.json", R"({"deviceProperties":[{"name":"NVIDIA H800"}],)" + std::string(kTrace).substr(1));
  const Outcome refused = RunCommand({"profile", "import", trace, "--device", "h100-sxm"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("'NVIDIA H800', which is h800-sxm"));
  EXPECT_EQ(RunCommand({"profile", "import", trace, "--device", "h100-sxm", "--force"}).code, 0);
  EXPECT_EQ(RunCommand({"profile", "import", trace, "--device", "h800-sxm"}).code, 0);
}

TEST_F(ProfileCommand, NamesOfATraceReachTheTerminalEscaped) {
  const std::string trace =
      R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"a\u001b[2J\nb","ts":1,"dur":5,"tid":7,"args":{"stream":7}}]})";
  const Outcome o = RunCommand({"profile", "import", Write("t.json", trace)});
  EXPECT_THAT(o.out, HasSubstr("a\\x1b[2J\\nb"));
  EXPECT_THAT(o.out, testing::Not(HasSubstr("\x1b")));
}

TEST_F(ProfileCommand, AttachRecordsAProgramAndItsChildren) {
  InstallDevice("echo GPU\n");
  const std::string head =
      R"({"schema":"orrery-kernel-log","schema_version":1,"pid":1,"rank":-1,"world_size":0,"program":"p","device":"d","compute_capability":"9.0","sms":1})";
  const std::string log =
      head +
      "\n[\"name\",1,\"nvjet_tst\"]\n[\"kernel\",1,5,9000,0,7,1,[1,1,1],[1,1,1],0,0]\n{\"end\":true}\n";
  Write("log", log);
  const std::string program = "test -n \"$CUDA_INJECTION64_PATH\" && cp " + File("log") +
                              " $ORRERY_PROFILE_DIR/pid1.jsonl && cp " + File("log") +
                              " $ORRERY_PROFILE_DIR/pid2.jsonl";
  const Outcome o = RunCommand({"profile", "attach", "--out", File("logs"), "--", "/bin/sh", "-c", program});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out, HasSubstr("2 processes"));
  EXPECT_THAT(o.out, HasSubstr("GEMM"));
  const Outcome again = RunCommand({"profile", "attach", "--out", File("logs"), "--", "true"});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.error, HasSubstr("not an empty folder"));
  EXPECT_EQ(RunCommand({"profile", "import", File("logs")}).code, 0);
}

TEST_F(ProfileCommand, AttachSaysWhenNothingWasRecordedOrTheProgramFailed) {
  InstallDevice("echo GPU\n");
  const Outcome nothing = RunCommand({"profile", "attach", "--out", File("logs"), "--", "/bin/true"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.error, HasSubstr("nothing was recorded"));
  const Outcome missing = RunCommand({"profile", "attach", "--out", File("logs"), "--", "/nonexistent/x"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.error, HasSubstr("cannot run '/nonexistent/x'"));
}

TEST_F(ProfileCommand, ImportPrintsTextOrJson) {
  const std::string trace = Write("t.json", std::string(kTrace));
  const Outcome text = RunCommand({"profile", "import", trace, "--json", File("s.json")});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("1 kernels"));
  EXPECT_THAT(Read("s.json"), HasSubstr("\"schema\": \"orrery-trace-summary\""));
  EXPECT_THAT(RunCommand({"profile", "import", trace, "--json", "-"}).out, testing::StartsWith("{"));
}

TEST_F(ProfileCommand, PhasesOfATraceAreMatchedToTheModelThatIsNamed) {
  std::string events;
  for (const int at : {1, 2, 3, 4}) {  // two layers of two phases, a kernel each
    events += fmt::format(
        R"j({{"ph":"X","cat":"user_annotation","name":"{1}","pid":1,"tid":1,"ts":{0}000,"dur":90}},)j"
        R"j({{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":{0}010,"dur":1,)j"
        R"j("args":{{"correlation":{0}}}}},)j"
        R"j({{"ph":"X","cat":"kernel","name":"nvjet_tst_a","pid":0,"tid":7,"ts":{0}050,"dur":10,)j"
        R"j("args":{{"device":0,"stream":7,"correlation":{0},"grid":[1,1,1],"block":[1,1,1]}}}},)j",
        at, at % 2 == 1 ? "attn(F)" : "mlp(B)");
  }
  events.pop_back();
  const std::string trace = Write("layers.json", "{\"traceEvents\":[" + events + "]}");
  const Outcome o = RunCommand({"profile", "import", trace, "--model", "deepseek-v2"});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out, HasSubstr("no operations recognised: no phase 'mlp(F)'"));
  const Outcome unknown = RunCommand({"profile", "import", trace, "--model", "deepsek-v2"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.error, HasSubstr("deepsek-v2"));
}

TEST_F(ProfileCommand, ImportOfBadFilesIsBadInput) {
  const auto error = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"profile", "import"});
    const Outcome o = RunCommand(more);
    EXPECT_EQ(o.code, 2);
    return o.error;
  };
  EXPECT_THAT(error({File("none.json")}), HasSubstr("no such file"));
  EXPECT_THAT(error({folder_.string()}), HasSubstr("holds no kernel log"));
  EXPECT_THAT(error({Write("cut.json", std::string(kTrace).substr(0, 60))}), HasSubstr("cut off at byte"));
  EXPECT_THAT(error({Write("t.json", std::string(kTrace)), "--out", File("m.json")}),
              HasSubstr("no operation with a shape was recognised"));
  const auto event = [](const char* times) {
    return R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"k",)" + std::string(times) + "}]}";
  };
  EXPECT_THAT(error({Write("n.json", event(R"("ts":1,"dur":-5)"))}), HasSubstr("duration -5 us is negative"));
  EXPECT_THAT(error({Write("n.json", event(R"("ts":"soon","dur":5)"))}),
              HasSubstr("'ts' is a text, 'soon', expected a number"));
  EXPECT_THAT(error({Write("d.json", event(R"("ts":1,"dur":5,"args":{"device":"0"})"))}),
              HasSubstr("'device' is a text, '0', expected a number"));
  EXPECT_THAT(
      error({Write("u.json",
                   std::string(R"({"traceEvents":[{"ph":"X","cat":"kernel","name":7,"ts":1,"dur":5}]})"))}),
      HasSubstr("has no name, expected a text"));
  EXPECT_THAT(error({Write("z.json", std::string("\x1f\x8b\x08"))}),
              HasSubstr("gzip: cut off at compressed byte 3"));
  EXPECT_THAT(error({Write("p", std::string("\x0a\x10 perfetto"))}), HasSubstr("not valid JSON"));
  EXPECT_THAT(error({Write("q.nsys-rep", std::string("NVTX tracing"))}), HasSubstr("nsys-rep"));
  EXPECT_THAT(error({Write("q.sqlite", std::string("SQLite format 3"))}), HasSubstr("not a Chrome trace"));
  EXPECT_THAT(error({Write("v.json", std::string(R"({"nodes":[]})"))}), HasSubstr("without 'traceEvents'"));
  EXPECT_THAT(
      error({Write("c.json",
                   std::string(R"({"traceEvents":[{"ph":"X","cat":"v8","name":"f","ts":1,"dur":1}]})"))}),
      HasSubstr("no GPU events"));
  EXPECT_THAT(error({Write("e.json", std::string())}), HasSubstr("empty"));
}

TEST_F(ProfileCommand, ImportTakesShapesFromTheProgramsRanges) {
  const std::string log =
      R"({"schema":"orrery-kernel-log","schema_version":1,"pid":1,"rank":-1,"world_size":0,"program":"p","device":"NVIDIA H100 80GB HBM3","compute_capability":"9.0","sms":132})"
      "\n"
      R"(["name",1,"nvjet_qqtst_a"])"
      "\n"
      R"(["name",2,"orrery:gemm_fp8 m=64 n=128 k=256"])"
      "\n"
      R"(["name",3,"orrery:gemm_fp8 m=64"])"
      "\n"
      R"(["range",2,9,1000,2000])"
      "\n"
      R"(["range",3,9,3000,4000])"
      "\n"
      R"(["launch",5,9,1500])"
      "\n"
      R"(["kernel",1,10000,14000,0,7,5,[132,1,1],[128,1,1],0,0])"
      "\n{\"end\":true}\n";
  fs::create_directories(File("logs"));
  Write("logs/pid1.jsonl", log);
  Write("logs/pid2.jsonl", log.substr(0, log.find('\n')) + "\n{\"end\":true}\n");
  const Outcome one = RunCommand({"profile", "import", File("logs/pid1.jsonl"), "--calibration",
                                  File("t.yaml"), "--out", File("m.json")});
  EXPECT_EQ(one.code, 0) << one.error;
  EXPECT_THAT(one.out, HasSubstr("M=64 N=128 K=256"));
  EXPECT_THAT(one.out, HasSubstr("1 ranges with a shape that cannot be read were ignored"));
  EXPECT_THAT(Read("t.yaml"), HasSubstr("- [64, 128, 256, 1, 4.000, 1, 4.000, 4.000]"));
  EXPECT_EQ(RunCommand({"profile", "import", File("logs"), "--calibration", File("t.yaml")}).code, 0)
      << "the second process has nothing to say";
  std::string unread = log;
  unread.replace(unread.find("m=64 n=128"), 10, "m=0 n=128");
  EXPECT_THAT(RunCommand({"profile", "import", Write("unread.jsonl", unread), "--out", File("m.json")}).error,
              HasSubstr("2 ranges give one that cannot be read, the first 'orrery:gemm_fp8 m=0"));
}

TEST_F(ProfileCommand, ImportJoinsThePartsOfAMeasurement) {
  profiler::MeasurementRun one = SyntheticRun(1, 2, 1, 5, {});
  one.device.name = "NVIDIA H100 80GB HBM3";
  profiler::MeasurementRun two = one;
  for (auto& sample : two.samples) sample.process = 1;
  fs::create_directories(File("parts"));
  Write("parts/process0-a.json", one);
  Write("parts/process1-a.json", two);
  const Outcome o = RunCommand(
      {"profile", "import", File("parts"), "--out", File("all.json"), "--calibration", File("t.yaml")});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out, HasSubstr("4 samples of synthetic on NVIDIA H100 80GB HBM3 from 2 files"));
  EXPECT_EQ(profiler::ReadMeasurement(File("all.json")).samples.size(), 4u);
  const std::string part = File("parts/process0-a.json");
  const std::string copy = Write("copy.json", Read("parts/process0-a.json"));
  const std::string twice = RunCommand({"profile", "import", part, copy}).error;
  EXPECT_THAT(twice, HasSubstr("is in two of the measurements: " + part + " and " + copy));
  two.driver = "570.00";
  EXPECT_EQ(
      RunCommand({"profile", "import", part, Write("other.json", two)}).error,
      part + " and " + File("other.json") + " cannot be merged: different driver '580.00' and '570.00'");
  for (const char* option : {"--gpu", "--model"})
    EXPECT_THAT(RunCommand({"profile", "import", part, option, "0"}).error,
                HasSubstr("these are measurements"));
  EXPECT_THAT(RunCommand({"profile", "import", part, Write("t.json", std::string(kTrace))}).error,
              HasSubstr("cannot be imported together"));
}

TEST_F(ProfileCommand, GpusOfOneTraceAreProcessesOfTheirOwn) {
  const std::string two = R"("deviceProperties":[{"id":0,"name":"NVIDIA H100 80GB HBM3","numSms":132},)"
                          R"({"id":1,"name":"NVIDIA H100 80GB HBM3","numSms":132}],)";
  const std::string trace = Write(
      "t.json", ProductTrace(two, {{0, "nvjet_tst_a", 10}, {1, "nvjet_tst_a", 30}, {0, "nvjet_tst_a", 10}}));
  const Outcome both = RunCommand({"profile", "import", trace, "--out", File("m.json")});
  EXPECT_EQ(both.code, 0) << both.error;
  EXPECT_THAT(both.out, HasSubstr("2 GPUs\n"));
  const profiler::MeasurementRun run = profiler::ReadMeasurement(File("m.json"));
  ASSERT_EQ(run.samples.size(), 2u);
  EXPECT_THAT(run.samples[0].durations_us, testing::ElementsAre(10, 10));
  EXPECT_EQ(run.samples[1].process, 1);
  EXPECT_THAT(run.samples[1].durations_us, testing::ElementsAre(30));
  const Outcome one = RunCommand({"profile", "import", trace, "--gpu", "1", "--calibration", File("t.yaml")});
  EXPECT_EQ(one.code, 0) << one.error;
  EXPECT_THAT(one.out, HasSubstr(", GPU 1, NVIDIA H100"));
  EXPECT_THAT(Read("t.yaml"), HasSubstr("- [64, 256, 128, 1, 30.000, 1, 30.000, 30.000]"));
  EXPECT_EQ(RunCommand({"profile", "import", trace, "--gpu", "7"}).error,
            "--gpu 7: nothing ran on it; expected one of: 0, 1");
}

TEST_F(ProfileCommand, TracesOfSeveralRanksAreOneMeasurementWhateverTheyAreCalled) {
  const std::string gpus = R"("deviceProperties":[{"id":0,"name":"NVIDIA H100 80GB HBM3","numSms":132},)"
                           R"({"id":1,"name":"NVIDIA H100 80GB HBM3","numSms":132}],)";
  const auto rank = [&](int gpu) {
    const std::string name = "rank" + std::to_string(gpu) + ".json";
    return Write(name, ProductTrace(gpus + "\"traceName\":\"" + name + "\",", {{gpu, "nvjet_tst_a", 10}}));
  };
  const std::string zero = rank(0), one = rank(1);
  const Outcome o = RunCommand({"profile", "import", zero, one, "--out", File("m.json")});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_EQ(profiler::ReadMeasurement(File("m.json")).samples.size(), 2u);
  EXPECT_EQ(RunCommand({"profile", "import", zero, one, "--gpu", "1", "--out", File("m.json")}).code, 0);
  EXPECT_EQ(profiler::ReadMeasurement(File("m.json")).suite, "trace");
  EXPECT_EQ(profiler::ReadMeasurement(File("m.json")).command,
            "orrery profile import " + one + "  # rank1.json");
}

TEST_F(ProfileCommand, ATraceIsReadFromAPipeOnce) {
  ASSERT_EQ(mkfifo(File("pipe").c_str(), 0600), 0);
  const auto import = [&](const std::string& text) {
    std::thread writer([&] { std::ofstream(File("pipe")) << text; });
    const Outcome o = RunCommand({"profile", "import", File("pipe")});
    writer.join();
    return o;
  };
  const Outcome o = import(kTrace);
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out, HasSubstr("1 kernels"));
  EXPECT_THAT(
      import(profiler::MeasurementJson(SyntheticRun(1, 1, 1, 5, {}))).error,
      HasSubstr("is no trace but a file of orrery's own ('orrery-measurements'), which is read from a "
                "regular file alone"));
}

TEST_F(ProfileCommand, ATraceWhoseGpuHasOtherSmsThanItsNameSaysIsNoTableUnlessTheDeviceIsNamed) {
  const auto trace = [&](const std::string& sms) {
    return Write("t.json",
                 ProductTrace(R"("deviceProperties":[{"id":0,"name":"NVIDIA H800","numSms":)" + sms + "}],",
                              {{0, "nvjet_tst_a", 10}}));
  };
  std::vector<std::string> words = {"profile", "import", trace("66"), "--calibration", File("t.yaml")};
  EXPECT_THAT(RunCommand(words).error,
              HasSubstr("which has 132 SMs, and the times are of 66 SMs: name the device with --device"));
  words.insert(words.end(), {"--device", "h800-sxm"});
  EXPECT_EQ(RunCommand(words).code, 0);
  EXPECT_THAT(Read("t.yaml"), HasSubstr("sms: 66\n"));
  for (const char* sms : {"0", "-3", "100000", "\"132\""})
    EXPECT_THAT(RunCommand({"profile", "import", trace(sms)}).error,
                HasSubstr("expected a whole number from 1 to 4096"))
        << sms;
}

TEST_F(ProfileCommand, DifferentGpusOfOneTraceAreNotMerged) {
  const std::string two = R"("deviceProperties":[{"id":0,"name":"NVIDIA H100 80GB HBM3","numSms":132},)"
                          R"({"id":1,"name":"NVIDIA H20","numSms":78}],)";
  const std::string trace =
      Write("t.json", ProductTrace(two, {{0, "nvjet_tst_a", 10}, {1, "nvjet_tst_a", 30}}));
  const Outcome both = RunCommand({"profile", "import", trace, "--calibration", File("t.yaml")});
  EXPECT_EQ(both.code, 2);
  EXPECT_EQ(both.error,
            trace + " (GPU 0) and " + trace +
                " (GPU 1) cannot be merged: different device 'NVIDIA H100 80GB HBM3' and 'NVIDIA H20'; "
                "--gpu N takes one GPU of a trace");
  EXPECT_THAT(RunCommand({"profile", "import", trace, "--device", "h100-sxm"}).error,
              HasSubstr("; --gpu N takes one"));
  EXPECT_EQ(RunCommand({"profile", "import", trace, "--gpu", "1", "--calibration", File("t.yaml")}).code, 0);
  EXPECT_THAT(Read("t.yaml"), testing::AllOf(HasSubstr("device: h20\n"), HasSubstr("sms: 78\n")));
}

TEST_F(ProfileCommand, ATraceThatNamesNoDeviceTakesTheSmsOfTheOneNamed) {
  const std::string trace = Write("t.json", ProductTrace("", {{0, "nvjet_tst_a", 10}}));
  EXPECT_THAT(RunCommand({"profile", "import", trace, "--out", File("m.json")}).error,
              HasSubstr("name the device with --device"));
  EXPECT_EQ(RunCommand({"profile", "import", trace, "--device", "h20", "--calibration", File("t.yaml")}).code,
            0);
  EXPECT_THAT(Read("t.yaml"), testing::AllOf(HasSubstr("sms: 78\n"), HasSubstr("date: not recorded\n")));
}

TEST_F(ProfileCommand, OneLaunchOfAnotherKernelMovesNoRow) {
  std::vector<Product> products(40, {0, "nvjet_tst_a", 10});
  products.push_back({0, "nvjet_tst_b", 500});
  const std::string trace = Write("t.json", ProductTrace("", products));
  EXPECT_EQ(
      RunCommand({"profile", "import", trace, "--device", "h100-sxm", "--calibration", File("t.yaml")}).code,
      0);
  EXPECT_THAT(Read("t.yaml"), HasSubstr("- [64, 256, 128, 1, 10.000, 41, 10.000, 500.000]"));
  EXPECT_EQ(hw::ReadKernelTable(File("t.yaml")).rows.size(), 1u);
}

TEST_F(ProfileCommand, AnEmptyPartInAFolderIsAnError) {
  profiler::MeasurementRun run = SyntheticRun(1, 2, 1, 5, {});
  fs::create_directories(File("parts"));
  Write("parts/process0-a.json", run);
  Write("parts/process1-a.json", std::string());
  const Outcome o = RunCommand({"profile", "import", File("parts")});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.error, HasSubstr("process1-a.json: is empty, a part that was never written"));
  Write("parts/process1-a.json", std::string("{\"nodes\": 1}"));
  Write("parts/build.log", std::string());
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunCommand({"profile", "import", File("parts")}).code, 0);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said,
              HasSubstr("warning: passed over " + File("parts/process1-a.json") + ": neither a kernel log"));
  EXPECT_THAT(said, testing::Not(HasSubstr("build.log")));
}

TEST_F(ProfileCommand, AFileGivenTwiceIsRefusedWhateverItIsCalled) {
  const std::string trace = Write("t.json", std::string(kTrace));
  fs::create_symlink(trace, File("link.json"));
  for (const std::string& again : {trace, folder_.string() + "/./t.json", File("link.json")})
    EXPECT_EQ(RunCommand({"profile", "import", trace, again}).error, again + ": is given twice");
  EXPECT_EQ(RunCommand({"profile", "import", trace, Write("u.json", std::string(kTrace))}).code, 0);
}

TEST_F(ProfileCommand, RunNamesTheProfilerThatIsInTheWay) {
  InstallDevice(
      "[ $1 = probe ] && { echo GPU; exit 0; }\n"
      "echo \"orrery-device: another profiler, 'Nsight Systems', is attached to this process\" >&2; exit "
      "77\n");
  const Outcome o = RunCommand({"profile", "run", "--out", File("m.json")});
  EXPECT_EQ(o.code, 77);
  EXPECT_THAT(o.error, HasSubstr("'Nsight Systems'"));
  EXPECT_FALSE(fs::exists(File("m.json")));
}

TEST_F(ProfileCommand, ImportRefusesToOverwriteItsInput) {
  const std::string trace = Write("t.json", std::string(kTrace));
  fs::create_symlink(trace, File("link.json"));
  for (const std::string& out : {trace, folder_.string() + "/./t.json", File("link.json")}) {
    for (const char* option : {"--json", "--out", "--calibration"}) {
      const Outcome o = RunCommand({"profile", "import", trace, option, out});
      EXPECT_EQ(o.code, 2);
      EXPECT_THAT(o.error, HasSubstr("would overwrite the input"));
    }
  }
  EXPECT_EQ(Read("t.json"), kTrace);
}

TEST_F(ProfileCommand, WhatCannotBeMadeBesideItCostsNoSummary) {
  const std::string trace = Write("t.json", std::string(kTrace));
  const Outcome out =
      RunCommand({"profile", "import", trace, "--json", File("s.json"), "--out", File("m.json")});
  EXPECT_EQ(out.code, 2) << "no operation is recognised in it";
  EXPECT_THAT(out.error, HasSubstr("no operation with a shape was recognised"));
  EXPECT_THAT(out.out, HasSubstr("1 kernels"));
  EXPECT_TRUE(fs::exists(File("s.json")));
  EXPECT_FALSE(fs::exists(File("m.json")));
  const Outcome table = RunCommand({"profile", "import", trace, "--calibration", File("t.yaml")});
  EXPECT_EQ(table.code, 2);
  EXPECT_THAT(table.out, HasSubstr("1 kernels"));
  const Outcome json = RunCommand({"profile", "import", trace, "--json", File("none/s.json")});
  EXPECT_EQ(json.code, 2);
  EXPECT_THAT(json.out, HasSubstr("1 kernels"));
  testing::internal::CaptureStderr();
  const Outcome piped = RunCommand({"profile", "import", trace, "--out", "-"});
  EXPECT_EQ(piped.code, 2);
  EXPECT_EQ(piped.out, "") << "standard output is the measurement's";
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("1 kernels"));
}

TEST_F(ProfileCommand, ATableThatCannotBeMadeCostsNoMeasurement) {
  const std::string trace = Write("t.json", ProductTrace("", {{0, "nvjet_tst_a", 10}}));
  const Outcome o = RunCommand({"profile", "import", trace, "--device", "h20", "--out", File("m.json"),
                                "--calibration", File("none/t.yaml")});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(profiler::ReadMeasurement(File("m.json")).samples.size(), 1u);
}

TEST_F(ProfileCommand, OtherTypesThanBf16AreNoRowsOfIt) {
  for (const char* kernel :
       {"nvjet_sss_tf32_128x256_64x4_2x1_v_bz_TNT", "nvjet_hsh_128x256_64x4_2x1_v_bz_TNT",
        "ampere_sgemm_128x64_tn", "Cijk_Ailk_Bljk_HHS_BH_MT128x128x32"}) {
    const std::string trace = Write("t.json", ProductTrace("", {{0, kernel, 10}}));
    const Outcome o =
        RunCommand({"profile", "import", trace, "--device", "h100-sxm", "--calibration", File("t.yaml")});
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.error, HasSubstr("left out: 1 times GEMMs of another type than BF16 and FP8")) << kernel;
    EXPECT_FALSE(fs::exists(File("t.yaml")));
  }
}

TEST_F(ProfileCommand, RowsAThousandTimesTooSlowAreRemarkedUpon) {
  const std::string trace = Write(
      "t.json", ProductTrace(R"("deviceProperties":[{"id":0,"name":"NVIDIA H100 80GB HBM3","numSms":132}],)",
                             {{0, "nvjet_tst_a", 40'000}}));
  testing::internal::CaptureStderr();
  const Outcome o = RunCommand({"profile", "import", trace, "--calibration", File("t.yaml")});
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out, HasSubstr("are its times in another unit?"));
  EXPECT_THAT(said, HasSubstr("warning: in the table all the same: gemm_bf16 M=64 N=256 K=128"));
}

TEST_F(ProfileCommand, ResultsOfOtherToolsAreNamed) {
  const std::string other = Write("r.json", std::string(R"({"meta":{},"benchmarks":[{"states":[]}]})"));
  const char* what = "is a result of nvbench, which Orrery does not read: enter its times as rows";
  EXPECT_THAT(RunCommand({"profile", "compare", other, other}).error, HasSubstr(what));
  EXPECT_THAT(RunCommand({"profile", "import", other}).error, HasSubstr(what));
  try {
    hw::ReadKernelTable(other);
    ADD_FAILURE() << "taken for a table";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr(what));
  }
}

TEST_F(ProfileCommand, WrongWordsAreBadInput) {
  EXPECT_EQ(RunCommand({"profile"}).code, 2);
  EXPECT_EQ(RunCommand({"profile", "compare", "a"}).code, 2);
  EXPECT_EQ(RunCommand({"profile", "run", "--samples", "1"}).code, 2);
  EXPECT_THAT(RunCommand({"profile", "run", "--suite", "deepseek-v4"}).error,
              HasSubstr("did you mean 'deepseek-v3'"));
  EXPECT_EQ(RunCommand({"profile", "compare", File("x"), File("y")}).code, 2);
}

}  // namespace
}  // namespace orrery::cli
