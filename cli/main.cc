// orrery: runs the command line, turns the kinds of failure into exit codes.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/commit.h"
#include "core/base/error.h"
#include "core/base/run_control.h"
#include "core/base/text.h"
#include "core/config/resources.h"

namespace {

int Fail(int code, const std::string& message) {
  std::fprintf(stderr, "orrery: %s\n", orrery::Printable(message).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace orrery::cli;
  try {
    const std::string version = fmt::format("{} (commit {})", orrery::Version(), BuildCommit());
    return RunCommandLine({argv + std::min(argc, 1), argv + argc}, version);
  } catch (const orrery::InputError& e) {
    return Fail(kBadInput, e.what());
  } catch (const orrery::Stopped& e) {
    const std::string doing = *e.what() != '\0' ? std::string(" while ") + e.what() : "";
    return Fail(kStopped, "stopped" + doing + "; nothing was written");
  } catch (const orrery::UnavailableError& e) {
    return Fail(kUnavailable, e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    return Fail(kBadInput, e.path1().string() + ": " + e.code().message());
  } catch (const std::bad_alloc&) {
    return Fail(kUnavailable, "out of memory: the input asks for more than this machine or its limit gives");
  } catch (const std::system_error& e) {  // a thread that cannot be started, say
    return Fail(kUnavailable, std::string("the system refuses: ") + e.what());
  } catch (const std::exception& e) {
    return Fail(kInternalError, std::string("internal error: ") + e.what());
  }
}
