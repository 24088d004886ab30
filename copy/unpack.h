#pragma once

#include <string>

#include "base/error.h"
#include "copy/pack.h"

namespace nsdebug {

/// Reads an archive of Pack() from `in`, to the stream's end, and makes what is in it below the
/// folder `directory`, the first entry as `name`, or when that is empty by its own. Files that
/// exist are overwritten, folders are added to. Nothing is written outside of `directory`: no link
/// on the way is followed, whether it was there before or came with the archive. Set-user-ID and
/// its like are left out, and files do not become larger than what was read.
///
/// What could not be made is a fault, and the rest goes on. The error is the stream's: it is no
/// archive, or it ends before its end.
Result<CopyReport> Unpack(int in, int directory, const std::string& name,
                          const CopyProgress& progress);

}  // namespace nsdebug
