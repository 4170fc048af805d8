// A week's schedule: events, conflicts between them, and free time.

export interface Event {
    id: string;
    title: string;
    start: number; // minutes since Monday, 0:00
    end: number;
    room?: string;
    attendees: string[];
}

export interface Gap {
    start: number;
    end: number;
}

const MINUTES_PER_DAY = 24 * 60;
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export function formatTime(minutes: number): string {
    const day = DAYS[Math.floor(minutes / MINUTES_PER_DAY)];
    const hours = Math.floor((minutes % MINUTES_PER_DAY) / 60);
    const rest = minutes % 60;
    return `${day} ${hours}:${String(rest).padStart(2, "0")}`;
}

export function overlaps(first: Event, second: Event): boolean {
    return first.start < second.end && second.start < first.end;
}

export class Schedule {
    private events: Map<string, Event> = new Map();

    add(event: Event): void {
        if (event.end <= event.start) {
            throw new Error(`${event.title} ends before it starts`);
        }
        if (this.events.has(event.id)) {
            throw new Error(`there is an event ${event.id} already`);
        }
        this.events.set(event.id, event);
    }

    remove(id: string): boolean {
        return this.events.delete(id);
    }

    sorted(): Event[] {
        return [...this.events.values()].sort((first, second) => first.start - second.start);
    }

    // Events of one person, in the order of the week.
    eventsOf(attendee: string): Event[] {
        return this.sorted().filter((event) => event.attendees.includes(attendee));
    }

    eventsOn(day: number): Event[] {
        const start = day * MINUTES_PER_DAY;
        const end = start + MINUTES_PER_DAY;
        return this.sorted().filter((event) => event.start < end && event.end > start);
    }

    // Pairs of events that need the same room or the same person at the same time.
    conflicts(): [Event, Event][] {
        const found: [Event, Event][] = [];
        const events = this.sorted();
        for (let i = 0; i < events.length; i++) {
            for (let j = i + 1; j < events.length; j++) {
                if (!overlaps(events[i], events[j])) {
                    continue;
                }
                const sameRoom = events[i].room !== undefined && events[i].room === events[j].room;
                const samePerson = events[i].attendees.some((name) => events[j].attendees.includes(name));
                if (sameRoom || samePerson) {
                    found.push([events[i], events[j]]);
                }
            }
        }
        return found;
    }

    // Stretches of at least `minutes` between `start` and `end` in which nobody of `attendees` is busy.
    gaps(attendees: string[], start: number, end: number, minutes: number): Gap[] {
        const busy = this.sorted().filter((event) => event.attendees.some((name) => attendees.includes(name)));
        const found: Gap[] = [];
        let free = start;
        for (const event of busy) {
            if (event.end <= free) {
                continue;
            }
            if (event.start >= end) {
                break;
            }
            if (event.start - free >= minutes) {
                found.push({ start: free, end: event.start });
            }
            free = Math.max(free, event.end);
        }
        if (end - free >= minutes) {
            found.push({ start: free, end });
        }
        return found;
    }

    hoursByRoom(): Map<string, number> {
        const hours = new Map<string, number>();
        for (const event of this.events.values()) {
            if (event.room === undefined) {
                continue;
            }
            const before = hours.get(event.room) ?? 0;
            hours.set(event.room, before + (event.end - event.start) / 60);
        }
        return hours;
    }

    toText(): string {
        const lines: string[] = [];
        for (let day = 0; day < DAYS.length; day++) {
            const events = this.eventsOn(day);
            if (events.length === 0) {
                continue;
            }
            lines.push(DAYS[day]);
            for (const event of events) {
                const room = event.room === undefined ? "" : `, ${event.room}`;
                lines.push(`  ${formatTime(event.start)} ${event.title}${room}`);
            }
        }
        return lines.join("\n");
    }
}
