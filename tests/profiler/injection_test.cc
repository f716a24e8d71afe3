// The injection library in a process of its own: it must load anywhere and never disturb the program.
#include <cstdlib>
#include <filesystem>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#endif

namespace orrery::profiler {
namespace {

namespace fs = std::filesystem;

// Built beside the tests where the CUDA Toolkit is: <build>/tests/profiler_tests, <build>/profiler/device/.
fs::path Library() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() /
         "profiler/device/liborrery_injection.so";
}

// Exit code of a child that loads the library, begins twice, forks, and ends with `code`.
int RunProgram(const fs::path& folder, int code) {
  const pid_t child = fork();
  if (child == 0) {
    if (folder.empty())
      unsetenv("ORRERY_PROFILE_DIR");
    else
      setenv("ORRERY_PROFILE_DIR", folder.c_str(), 1);
    void* library = dlopen(Library().c_str(), RTLD_NOW);
    if (library == nullptr) _exit(101);
    const auto initialize = reinterpret_cast<int (*)()>(dlsym(library, "InitializeInjection"));
    if (initialize == nullptr || initialize() != 1 || initialize() != 1) _exit(102);
    const pid_t grandchild = fork();
    if (grandchild == 0) std::exit(0);
    int status = 0;
    if (waitpid(grandchild, &status, 0) != grandchild || WEXITSTATUS(status) != 0) _exit(103);
    std::exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(InjectionLibrary, LeavesTheExitCodeOfTheProgramAndItsForksAlone) {
  if (!fs::exists(Library())) GTEST_SKIP() << "the injection library is not built";
  const fs::path folder = fs::temp_directory_path() / ("orrery-injection-" + std::to_string(getpid()));
  fs::create_directory(folder);
  EXPECT_EQ(RunProgram(folder, 42), 42);
  EXPECT_TRUE(fs::is_empty(folder)) << "a program that runs no kernel gets no log";
  fs::remove_all(folder);
}

// Exit code of a child whose first NVTX range loads the library as its tool.
int RunProgramWithRanges() {
  const pid_t child = fork();
  if (child == 0) {
    setenv("NVTX_INJECTION64_PATH", Library().c_str(), 1);
    void* library = dlopen(Library().c_str(), RTLD_NOW);
    if (library == nullptr || dlsym(library, "InitializeInjectionNvtx2") == nullptr) _exit(101);
#if __has_include(<nvtx3/nvToolsExt.h>)
    nvtxRangePushA("orrery:gemm_bf16 m=1 n=2 k=3");
    nvtxRangePop();
    bool loaded = false;
    for (const char* name : {"libcupti.so.13", "libcupti.so.12", "libcupti.so"})
      loaded |= dlopen(name, RTLD_NOW | RTLD_NOLOAD) != nullptr;
    std::exit(loaded ? 7 : 102);
#else
    std::exit(7);
#endif
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(InjectionLibrary, HandsNvtxRangesOnToCupti) {
  if (!fs::exists(Library())) GTEST_SKIP() << "the injection library is not built";
  EXPECT_EQ(RunProgramWithRanges(), 7);
}

TEST(InjectionLibrary, DoesNothingWithoutAFolderToWriteTo) {
  if (!fs::exists(Library())) GTEST_SKIP() << "the injection library is not built";
  EXPECT_EQ(RunProgram("", 7), 7);
}

}  // namespace
}  // namespace orrery::profiler
