#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nsdebug::kubectl {

/// A flag, as completion needs to know it.
struct FlagName {
  std::string name;  ///< "--profile" or "-c"
  bool has_value = false;
};

/// What a word that is being typed may become.
struct CompletionPlan {
  std::string current;              ///< what has been typed of it
  std::vector<std::string> values;  ///< known without asking anybody
  bool pods = false;                ///< those of the namespace, too
  std::string containers_of;        ///< the containers of this pod, too
  bool files = false;               ///< the command's own arguments: the shell knows better
  size_t understood = 0;            ///< how many words before it are whole: flags with their values
};

/// `words` are those behind the program's name, the last the one that is being typed. Pure.
CompletionPlan PlanCompletion(const std::vector<std::string>& words,
                              const std::vector<FlagName>& flags);

}  // namespace nsdebug::kubectl
