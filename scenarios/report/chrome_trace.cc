#include "scenarios/report/chrome_trace.h"

#include <fmt/format.h>

namespace orrery::scenarios {

std::string TraceSlice(int process, int stream, const std::string& name, std::int64_t start, std::int64_t end,
                       std::optional<std::uint32_t> task) {
  const std::string args = task ? fmt::format(R"(,"args":{{"task":{}}})", *task) : "";
  return fmt::format(R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.6f},"dur":{:.6f}{}}},)"
                     "\n",
                     name, process, stream, static_cast<double>(start) * 1e-6,
                     static_cast<double>(end - start) * 1e-6, args);
}

std::string TraceNames(int process, const std::string& name, int streams,
                       std::string_view (*name_of)(int stream)) {
  std::string text = fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":"{}"}}}},)"
                                 "\n",
                                 process, name);
  for (int s = 0; s < streams; ++s) {
    text += fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"{}"}}}},)"
                        "\n",
                        process, s, name_of(s));
  }
  return text;
}

std::string TraceEnd(const char* what, double microseconds) {
  return fmt::format(R"({{"name":"{}","ph":"i","s":"g","pid":0,"tid":0,"ts":{:.6f}}})", what, microseconds) +
         "\n]}\n";
}

}  // namespace orrery::scenarios
