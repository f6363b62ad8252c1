/*
 * table.pml: the packed words of a channel and the two words of a VM, operation by operation, as in
 * engine/packet/packet_table.hpp, engine/sync/save_control.hpp and engine/save/cut.hpp. One atomic operation of the
 * engine is one step here; what surrounds it (a ring's read index, a delivery) is a step of its own. SPIN knows sequential
 * consistency only: the orders are engine/ORDERING.md's, and other legs test them.
 *
 * Ghosts beside it (nothing of the protocol reads them) say where each packet is, so that the promise can be stated once:
 * at a cut a packet is in the ring, in the image or delivered, in exactly one of them; a completion that started after
 * the cut is not visible before the end; each is delivered once, or never after a discard.
 *
 * M_...: mutants. Each must be found.
 */
#ifndef NSLOT
#define NSLOT 2                 /* slots of a word */
#endif
#ifndef NW
#define NW 1                    /* words of all VMs */
#endif
#ifndef NVM
#define NVM 1
#endif
#ifndef R
#define R 3                     /* packets on the ring of each VM */
#endif
#define N (NW*NSLOT)
#define P (NVM*R)               /* all packets: 1..P, those of a VM in a row */
#define VM(i) ((i)/(N/NVM))     /* whose slot it is */

#define FREE 0
#define FILLING 1
#define INUSE 2
#define DONE 3
#define DEFERRED 4
#define FROZEN 64

#define WORD(i) w[(i)/NSLOT]
#define SHIFT(i) (3*((i)%NSLOT))
#define STATE(v,i) (((v)>>SHIFT(i))&7)
#define UNIT(i) (1<<SHIFT(i))

byte w[NW];
byte epoch[NVM];
#ifdef DEADLINE
bool gave_up[16];               /* by epoch: before its set was complete */
#define GAVE_UP(e) gave_up[e]
#else
#define GAVE_UP(e) false
#endif
bool busy[NVM];
#ifdef M_ONE_EPOCH
#define EPOCH(i) epoch[0]
#else
#define EPOCH(i) epoch[VM(i)]
#endif

/* ---- ghosts ---- */
byte in[N];                     /* the packet in a slot; 0: none */
byte started[N];                /* the epoch in which the completion of the slot's packet started */
bool made[N];                   /* the VSP has seen the packet: its state may be asked for */
byte taken[NVM];                /* packets that have left the ring: its read index */
bool delivered[P+1];
bool gone[P+1];                 /* with the destination, or dropped with the channel */
bool image[P+1];                /* in the image of the save that runs */
byte cut[NVM];                  /* the epoch of a save whose set is complete; 0: none */

#define CAS(i,a,b,ok) d_step { if :: WORD(i)==(a) -> WORD(i)=(b); ok=true :: else -> ok=false fi }
#define ADD(i,x,old)  d_step { old=WORD(i); WORD(i)=WORD(i)+((x)<<SHIFT(i)) }
#define SUB(i,x,old)  d_step { old=WORD(i); WORD(i)=WORD(i)-((x)<<SHIFT(i)) }

/* The guest sees the completion of the packet that is in the slot now. */
#define DELIVER(i) d_step { \
    assert(in[i]!=0); assert(!delivered[in[i]]); assert(!gone[in[i]]); \
    assert(!(cut[VM(i)]!=0 && image[in[i]])); \
    assert(!(started[i]!=0 && started[i]==epoch[VM(i)])); \
    delivered[in[i]]=true; started[i]=0; in[i]=0; made[i]=false }

/* Free -> Filling; got: the slot is ours. */
inline claim(i, got) {
  got=false;
  if
  :: EPOCH(i)!=0 -> skip
  :: else ->
     v=WORD(i);
     if
     :: (v&FROZEN)!=0 || STATE(v,i)!=FREE -> skip
     :: else ->
        CAS(i,v,v+UNIT(i),got);
        if
        :: !got -> skip
        :: got && EPOCH(i)!=0 -> SUB(i,1,v); got=false
        :: else -> skip
        fi
     fi
  fi
}

inline publish(i) {
  ADD(i,1,v); assert(STATE(v,i)==FILLING)
}

/* InUse -> Filling, for a packet that nobody else can complete now. */
inline retake(i, got) {
  got=false;
  if
  :: EPOCH(i)!=0 -> skip
  :: else ->
     do
     :: v=WORD(i);
        if
#ifndef M_RETAKE_FROZEN
        :: (v&FROZEN)!=0 -> break
        :: (v&FROZEN)==0 ->
#else
        :: true ->
#endif
           assert(STATE(v,i)==INUSE);
           CAS(i,v,v-UNIT(i),got);
           if :: got -> break :: else -> skip fi
        fi
     od
  fi
}

/* InUse -> Done, or Deferred; ours: the caller delivers and releases. */
inline complete(i, ours) {
  ours=false;
  started[i]=epoch[VM(i)];
#ifdef M_EPOCH_FIRST
  e=EPOCH(i);
#endif
  ADD(i,1,v);
  if
#if defined(DISCARD) || defined(TEARDOWN)
  :: STATE(v,i)!=INUSE -> SUB(i,1,v); goto withdrawn        /* misuse: it was no longer in use; undone */
#else
  :: STATE(v,i)!=INUSE -> assert(false)
#endif
  :: STATE(v,i)==INUSE && (v&FROZEN)!=0 -> skip
  :: else ->
     do
#ifndef M_EPOCH_FIRST
     :: e=EPOCH(i);
#else
     :: true ->
#endif
        if
        :: e==0 -> ours=true; break
        :: else ->
           ADD(i,1,v); assert(STATE(v,i)==DONE);
#ifdef M_NO_SECOND_LOOK
           break
#else
           if
           :: (v&FROZEN)!=0 || !GAVE_UP(e) || EPOCH(i)!=0 -> break
           :: else ->
              take_deferred(i, ours);
              if :: !ours -> break :: else -> ours=false fi
           fi
#endif
        fi
     od
  fi;
  e=0
}

/* Deferred -> Done, unless frozen or another was first. */
inline take_deferred(i, got) {
  got=false;
  do
  :: v=WORD(i);
     if
     :: STATE(v,i)!=DEFERRED || (v&FROZEN)!=0 -> break
     :: else -> CAS(i,v,v-UNIT(i),got); if :: got -> break :: else -> skip fi
     fi
  od
}

inline deliver_and_release(i) {
  DELIVER(i);
  SUB(i,3,v); assert(STATE(v,i)==DONE)
}
