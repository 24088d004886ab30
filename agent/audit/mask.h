#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nsdebug {

/// What stands in the place of a secret.
inline constexpr std::string_view kMask = "***";

/// Of a command in an audit line, all of its arguments together.
inline constexpr size_t kMaxAuditCommandBytes = 4096;
inline constexpr size_t kMaxAuditArguments = 256;

/// Whether the value of an option, variable, header or key of this name is taken for a secret: it
/// contains password, passwd, secret, token, apikey, credential or privatekey, or one of its words
/// is auth, authorization, cookie, pass, passphrase or pwd; in any case, '-', '_' and '.' ignored.
/// So "--tokens-per-second" is one, wrongly: a number too few is better than a token too many.
/// "--author" is none, and neither are PWD and OLDPWD.
bool IsSecretName(std::string_view name);

/// A command as an audit line may have it: secrets replaced by kMask, cut to the bounds above; a
/// cut argument ends with "...", and "... (N more arguments)" stands for those that were dropped.
///
/// Masked are the values of secret names (--NAME=VALUE, --NAME VALUE, NAME=VALUE, "NAME: VALUE",
/// JSON's "NAME":"VALUE"), the word behind Bearer, passwords in URLs and of curl's -u and --user,
/// and what looks like a JSON web token. Also within an argument, such as a script for sh -c.
///
/// Not masked: -pVALUE, which is a port for one program and a password for another; a password
/// without a name; the value behind "--NAME" when it starts with '-', which looks like the next
/// option. This keeps slips of honest users out of the log. It is no defence against somebody who
/// wants to hide a command: that one need only put it into a file.
std::vector<std::string> MaskCommand(const std::vector<std::string>& command);

/// The same for one text, without knowledge of what stands before it.
std::string MaskText(std::string_view text);

}  // namespace nsdebug
