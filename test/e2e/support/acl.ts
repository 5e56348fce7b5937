/** Python that gives a directory the default ACL `user::rwx, user:12345:rwx, group::r-x, mask::rwx, other::---`, as the kernel has it (linux/posix_acl_xattr.h). */
export const DEFAULT_ACL = `
import os, struct, sys
entries = [(1, 7, -1), (2, 7, 12345), (4, 5, -1), (16, 7, -1), (32, 0, -1)]
os.setxattr(sys.argv[1], 'system.posix_acl_default', struct.pack('<I', 2) + b''.join(struct.pack('<HHi', *entry) for entry in entries))
`;
