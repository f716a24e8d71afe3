#pragma once

namespace orrery::cli {

/// The commit the program was built from: "9b785ac", "9b785ac, changed" with files that were not committed,
/// or "unknown" where the source is no Git repository. Defined in a file that the build writes.
const char* BuildCommit();

}  // namespace orrery::cli
