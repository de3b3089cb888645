// Package explain says why an instance is or is not master: who would win an
// election now, what each tracked thing does to the priority, and what in the
// configuration or on the segment will not do what it seems to.
//
// It is pure: it reads what the vrrp process says of itself (control.VRRP) and
// asks nobody. What it cannot know it says: VRRP has no word of a backup, so a
// peer that never was master here is unknown.
package explain
