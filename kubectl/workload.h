#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "kubectl/target.h"

namespace nsdebug::kubectl {

/// Whether all pods of it can be meant. kInvalidArgument: it does not stand for several.
Result<void> CheckSelectsPods(const TargetName& target);

/// The request for the pods with a label selector, as kubectl takes it; an empty namespace: of all.
std::string PodsPath(std::string_view name_space, const std::string& selector);

/// The request for the pods that a workload or service selects, from the object as the API server
/// gives it. kFailedPrecondition: it selects none, as a service without a selector.
Result<std::string> SelectedPodsPath(const std::string& object, const TargetName& target,
                                     std::string_view name_space);

/// The request for all jobs of a namespace, among which are those of a cronjob.
std::string JobsPath(std::string_view name_space);

/// The newest job of a list that belongs to the cronjob, as an object of its own. kNotFound: it has
/// started none yet, or those that it started have been cleaned up.
Result<std::string> NewestJobOf(const std::string& job_list, std::string_view cron_job);

}  // namespace nsdebug::kubectl
