#include "core/base/file.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/inputs_read.h"
#include "core/base/text.h"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as many as Linux follows

std::string Reason(int error) { return std::generic_category().message(error); }

/// A file descriptor, closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// False with errno where what was written does not reach the file.
  bool Close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

/// At most `most` bytes from `fd`, appended to `text`. False with errno.
bool ReadSome(int fd, std::size_t most, std::string* text) {
  std::array<char, 1 << 16> buffer;
  while (most > 0) {
    const ssize_t n = ::read(fd, buffer.data(), std::min(most, buffer.size()));
    if (n == 0) return true;
    if (n < 0 && errno != EINTR) return false;
    if (n < 0) continue;
    text->append(buffer.data(), static_cast<std::size_t>(n));
    most -= static_cast<std::size_t>(n);
  }
  return true;
}

/// Opens a regular file; errno is ENXIO where it is something else. A pipe is not even opened to look at it: that would
/// let its writer go on, and what it writes before somebody reads in earnest would be lost. O_NONBLOCK: the name may
/// have become a pipe in between, and one that nobody writes must not hold us before it is seen to be one.
Descriptor OpenToRead(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    errno = ENXIO;
    return Descriptor(-1);
  }
  NoteInput(file);
  return Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

bool IsRegular(int fd, struct stat* status) { return ::fstat(fd, status) == 0 && S_ISREG(status->st_mode); }

[[noreturn]] void CannotWrite(const std::string& file, int error) {
  throw InputError(file == "-" ? "cannot write to standard output: " + Reason(error)
                               : "cannot write '" + Clipped(file) + "': " + Reason(error));
}

/// Renaming onto a device or pipe would replace it; they are written through.
bool IsSpecial(const std::string& file) {
  std::error_code error;
  return fs::exists(file, error) && !fs::is_regular_file(file, error);
}

/// While it lives, writing into a pipe without a reader is an error and not the end of the program, which
/// would leave temporaries behind.
class PipeSignalIgnored {
 public:
  PipeSignalIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  PipeSignalIgnored(const PipeSignalIgnored&) = delete;
  PipeSignalIgnored& operator=(const PipeSignalIgnored&) = delete;
  ~PipeSignalIgnored() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

void WriteAll(int fd, const Output& output) {
  std::string_view rest = output.text;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno != EINTR) CannotWrite(output.file, errno);
    if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

void WriteStandardOutput(const Output& output) {
  if (std::fflush(stdout) != 0) CannotWrite(output.file, errno);  // what was printed before
  WriteAll(::fileno(stdout), output);
}

void WriteSpecial(const Output& output) {
  Descriptor fd(::open(output.file.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) CannotWrite(output.file, errno);
  WriteAll(fd.get(), output);
  if (!fd.Close()) CannotWrite(output.file, errno);
}

/// A link's target, that exists or not: renaming onto the link would replace the link.
fs::path Target(const std::string& file) {
  fs::path path = file;
  std::error_code error;
  for (int links = 0; links < kMostLinks && fs::is_symlink(path, error); ++links)
    path = path.parent_path() / fs::read_symlink(path, error);
  if (fs::is_symlink(path, error)) CannotWrite(file, ELOOP);
  return path;
}

std::string RandomName() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    throw InputError("no random number for the name of a temporary file: " + Reason(errno));
  return fmt::format(".orrery-{:016x}.tmp", number);
}

/// An output's temporary beside it; removed unless it was renamed.
class StagedFile {
 public:
  explicit StagedFile(const Output& output)
      : output_(output.file), path_(Target(output.file)), folder_(OpenFolder()) {
    name_ = path_.filename().string();
    if (name_.empty()) CannotWrite(output_, output_.empty() ? ENOENT : EISDIR);
    struct stat before {};
    const bool replaces = ::fstatat(folder_.get(), name_.c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0;
    if (!replaces && errno != ENOENT) CannotWrite(output_, errno);
    if (replaces && ::faccessat(folder_.get(), name_.c_str(), W_OK, AT_EACCESS) != 0)
      CannotWrite(output_, errno);
    try {
      // Nobody else reads it before it has the mode of what it replaces.
      Descriptor fd = Create(replaces ? S_IRUSR | S_IWUSR : 0666);
      WriteAll(fd.get(), output);
      if (replaces) KeepStatus(fd.get(), before);
      if (!fd.Close()) CannotWrite(output_, errno);
    } catch (...) {
      Remove();
      throw;
    }
  }
  StagedFile(StagedFile&& other) noexcept
      : output_(std::move(other.output_)),
        path_(std::move(other.path_)),
        folder_(std::move(other.folder_)),
        name_(std::move(other.name_)),
        temporary_(std::exchange(other.temporary_, {})) {}
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile() { Remove(); }

  void Rename() {
    if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0)
      CannotWrite(output_, errno);
    temporary_.clear();
  }

 private:
  /// The folder is held open: whatever becomes of its path, temporary and file are in the same.
  Descriptor OpenFolder() const {
    const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
    Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) CannotWrite(output_, errno);
    return fd;
  }

  Descriptor Create(mode_t mode) {
    constexpr int kTries = 8;
    for (int i = 0; i < kTries; ++i) {
      const std::string name = RandomName();
      Descriptor fd(
          ::openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
      if (!fd && errno == EEXIST) continue;
      if (!fd) CannotWrite(output_, errno);
      temporary_ = name;
      return fd;
    }
    CannotWrite(output_, EEXIST);
  }

  /// Mode and owner of the file that is replaced. Only root gives a file away; where it cannot be given back,
  /// the bits that act in an owner's name are not kept.
  void KeepStatus(int fd, const struct stat& before) const {
    mode_t mode = before.st_mode & 07777;
    if (::fchown(fd, before.st_uid, before.st_gid) != 0) mode &= 0777;
    if (::fchmod(fd, mode) != 0) CannotWrite(output_, errno);
  }

  void Remove() {
    if (!temporary_.empty()) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
  }

  std::string output_;
  fs::path path_;
  Descriptor folder_;
  std::string name_, temporary_;
};

}  // namespace

std::string TooLarge(std::size_t most) { return fmt::format("larger than {} MiB", most >> 20); }

std::string ReadFile(const fs::path& file, std::size_t most) {
  const Place place{file.string()};
  const Descriptor fd = OpenToRead(file);
  if (!fd && errno == ENOENT) throw InputError(place, "no such file");
  if (!fd && errno == ENXIO) throw InputError(place, "not a regular file");
  if (!fd) throw InputError(place, "cannot be read: " + Reason(errno));
  struct stat status {};
  if (!IsRegular(fd.get(), &status)) throw InputError(place, "not a regular file");
  if (static_cast<std::uintmax_t>(status.st_size) > most) throw InputError(place, TooLarge(most));
  std::string text;
  text.reserve(static_cast<std::size_t>(status.st_size));
  if (!ReadSome(fd.get(), most + 1, &text)) throw InputError(place, "cannot be read: " + Reason(errno));
  if (text.size() > most) throw InputError(place, TooLarge(most));  // it grew, or tells no size
  return text;
}

std::string ReadTextFile(const fs::path& file, std::size_t most) {
  std::string text = ReadFile(file, most);
  RequireUtf8(text, file.string());
  return text;
}

std::string ReadStart(const fs::path& file, std::size_t most) {
  const Descriptor fd = OpenToRead(file);
  struct stat status {};
  std::string text;
  if (!fd || !IsRegular(fd.get(), &status) || !ReadSome(fd.get(), most, &text)) return "";
  return text;
}

void RefuseInputs(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (file.empty() || file == "-") continue;
    if (const std::optional<std::string> input = InputThatIs(file))
      throw InputError("output '" + Clipped(file) + "' would overwrite the input '" + Clipped(*input) + "'");
  }
}

void WriteOutputs(const std::vector<Output>& outputs) {
  for (const Output& output : outputs)
    if (!output.in_place) RefuseInputs({output.file});
  const PipeSignalIgnored ignored;
  std::vector<StagedFile> staged;
  for (const Output& output : outputs) {
    if (output.file != "-" && !IsSpecial(output.file)) staged.emplace_back(output);
  }
  // What cannot be taken back comes after what may still fail, and before the files appear.
  for (const Output& output : outputs) {
    if (output.file != "-" && IsSpecial(output.file)) WriteSpecial(output);
  }
  for (const Output& output : outputs) {
    if (output.file == "-") WriteStandardOutput(output);
  }
  for (StagedFile& file : staged) file.Rename();
}

void WriteOutput(const std::string& file, const std::string& text) { WriteOutputs({{file, text, false}}); }

}  // namespace orrery
