#include "profiler/subprocess.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"

namespace orrery::profiler {
namespace {

constexpr std::size_t kMaxCaptured = std::size_t{64} << 10;

/// A pipe whose ends close themselves.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw InputError(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void CloseRead() { Close(&ends_[0]); }
  void CloseWrite() { Close(&ends_[1]); }

 private:
  static void Close(int* end) {
    if (*end >= 0) ::close(*end);
    *end = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

/// In the child, between fork and exec: only async-signal-safe calls and what was prepared before.
[[noreturn]] void Exec(char** arguments, char** environment, int output, int errors, int failure) {
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  if (errors >= 0) ::dup2(errors, STDERR_FILENO);
  ::execvpe(arguments[0], arguments, environment);
  const int error = errno;
  (void)!::write(failure, &error, sizeof error);
  ::_exit(127);
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Appends what can be read; false at the end. Keeps the last `kMaxCaptured` bytes.
bool Drain(int fd, std::string* text) {
  std::array<char, 4096> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR;
  text->append(buffer.data(), static_cast<std::size_t>(n));
  if (text->size() > kMaxCaptured) text->erase(0, text->size() - kMaxCaptured);
  return n > 0;
}

/// Passes on all but the last line, which a failure is told with.
void PassOn(std::string* text) {
  if (text->size() < 2) return;
  const std::size_t newline = text->rfind('\n', text->size() - 2);
  if (newline == std::string::npos) return;
  std::fwrite(text->data(), 1, newline + 1, stderr);
  text->erase(0, newline + 1);
}

void DrainBoth(int output, int errors, std::string* output_text, std::string* error_text) {
  std::array<pollfd, 2> fds = {{{output, POLLIN, 0}, {errors, POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0 && !Drain(output, output_text)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !Drain(errors, error_text)) fds[1].fd = -1;
    PassOn(error_text);
  }
}

std::string LastLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int Wait(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment, Capture capture) {
  if (arguments.empty() || arguments[0].empty()) throw InputError("no command given");
  std::vector<std::string> argument_texts = arguments, environment_texts = Environment(environment);
  const std::vector<char*> argv = Pointers(argument_texts), envp = Pointers(environment_texts);
  const bool captured = capture != Capture::kNone;
  Pipe output, errors, failure;
  const pid_t child = ::fork();
  if (child < 0) throw InputError(std::string("cannot start a process: ") + std::strerror(errno));
  if (child == 0) {
    Exec(const_cast<char**>(argv.data()), const_cast<char**>(envp.data()), captured ? output.write_end() : -1,
         captured ? errors.write_end() : -1, failure.write_end());
  }
  output.CloseWrite();
  errors.CloseWrite();
  failure.CloseWrite();
  ProgramResult result;
  std::string error_text;
  if (captured) DrainBoth(output.read_end(), errors.read_end(), &result.output, &error_text);
  int exec_error = 0;
  const bool failed =
      ::read(failure.read_end(), &exec_error, sizeof exec_error) == static_cast<ssize_t>(sizeof exec_error);
  result.exit_code = Wait(child);
  result.last_error = LastLine(std::move(error_text));
  if (failed) throw InputError("cannot run '" + arguments[0] + "': " + std::strerror(exec_error));
  return result;
}

}  // namespace orrery::profiler
