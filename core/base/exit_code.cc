#include "core/base/exit_code.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/base/run_control.h"
#include "core/base/text.h"

namespace orrery {

int ExitCodeOf(std::string_view program, const std::function<int()>& run) {
  const auto fail = [&](int code, const std::string& message) {
    std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(), Printable(message).c_str());
    return code;
  };
  try {
    return run();
  } catch (const InputError& e) {
    return fail(kBadInput, e.what());
  } catch (const Stopped& e) {
    const std::string doing = *e.what() != '\0' ? std::string(" while ") + e.what() : "";
    return fail(kStopped, "stopped" + doing + "; nothing was written");
  } catch (const UnavailableError& e) {
    return fail(kUnavailable, e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    return fail(kBadInput, e.path1().string() + ": " + e.code().message());
  } catch (const std::bad_alloc&) {
    return fail(kUnavailable, "out of memory: the input asks for more than this machine or its limit gives");
  } catch (const std::system_error& e) {  // a thread that cannot be started, say
    return fail(kUnavailable, std::string("the system refuses: ") + e.what());
  } catch (const std::exception& e) {
    return fail(kInternalError, std::string("internal error: ") + e.what());
  }
}

}  // namespace orrery
