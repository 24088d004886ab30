#include "nsenter/session/node_facts.h"

#include "nsenter/namespace.h"

namespace nsdebug {

NodeFacts FindNodeFacts() {
  NodeFacts facts;
  facts.cgroup_mounts = FindNodeCgroupMounts();
  facts.security_modules = FindSecurityModules();
  for (const NamespaceType& type : kNamespaceTypes) {
    if (KernelHas(type)) facts.namespaces |= type.flag;
  }
  return facts;
}

}  // namespace nsdebug
