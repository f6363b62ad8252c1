/*
 * cut.pml: threads of a VSP at work while savers cut. One thread reads the rings, one completes packets, each VM has its
 * savers and, if asked for, somebody who removes its channel.
 *
 *   DEADLINE   begin may give up its wait for slots in transit
 *   DISCARD    a last save may end with everything at the destination
 *   TEARDOWN   the channel is removed, with packets in use
 */
#include "table.pml"
#ifndef SAVES
#define SAVES 2                 /* of each saver */
#endif
#ifndef NSAVER
#define NSAVER 1                /* of each VM */
#endif
#define FIRST(m) ((m)*(NW/NVM))
#define LAST(m) (((m)+1)*(NW/NVM))

bool handed[N];                 /* the VSP holds the packet */
byte indicating[NVM];
bool closed[NVM];               /* the gate: nobody reads this ring any more */
bool inside;                    /* the reader is in the gate */
bool reader_done;
byte working;                   /* threads that have not ended */

/* All that a VM's ring may still give has been taken. */
#define DRY(m) (taken[m]==R || closed[m])

proctype reader() {
  byte i, v; bool got;
  do
#if NVM==1
  :: DRY(0) -> break
#else
  :: DRY(0) && DRY(1) -> break
#endif
  :: else ->
     atomic { select(i: 0..(N-1)); if :: !DRY(VM(i)) -> inside=true :: else -> goto next fi };
     claim(i, got);
     if
     :: !got -> skip
     :: else ->
        in[i]=VM(i)*R+taken[VM(i)]+1;
        indicating[VM(i)]++;
#ifndef M_READ_INDEX_LATE
        taken[VM(i)]=taken[VM(i)]+1;
#endif
        publish(i);
        made[i]=true;                             /* ProcessPacket */
        handed[i]=true;
        indicating[VM(i)]--;
#ifdef M_READ_INDEX_LATE
        taken[VM(i)]=taken[VM(i)]+1
#endif
     fi;
     inside=false;
next: skip
  od;
  reader_done=true; working--
}

proctype completer() {
  byte i, v, e; bool ours;
  do
  :: atomic { handed[0] -> handed[0]=false; i=0 }; goto one
#if N>1
  :: atomic { handed[1] -> handed[1]=false; i=1 }; goto one
#endif
#if N>2
  :: atomic { handed[2] -> handed[2]=false; i=2 }; goto one
  :: atomic { handed[3] -> handed[3]=false; i=3 }; goto one
#endif
  :: atomic { reader_done && !handed[0] && (N<2 || !handed[1%N]) && (N<3 || (!handed[2%N] && !handed[3%N])) -> break };
one: complete(i, ours);
     if :: ours -> deliver_and_release(i) :: else -> skip fi;
withdrawn: v=0; e=0; ours=false
  od;
  working--
}

/* Slot i had been in transit when its word was frozen as f: wait until it is not. */
inline await(i, f, st) {
  if
  :: STATE(f,i)==st ->
#ifdef DEADLINE
     if :: STATE(WORD(i),i)!=st -> skip :: goto give_up fi
#else
     STATE(WORD(i),i)!=st
#endif
  :: else -> skip
  fi
}

/* Frozen words are emptied: nothing of them is delivered any more, the VSP holds nothing. */
inline clear(a) {
  d_step {
    w[a]=0; i=a*NSLOT;
    do
    :: i==(a+1)*NSLOT -> break
    :: else ->
       if :: in[i]!=0 -> assert(!delivered[in[i]]); gone[in[i]]=true; in[i]=0 :: else -> skip fi;
       started[i]=0; made[i]=false; handed[i]=false; i++
    od; i=0
  }
}

#ifdef DEADLINE
#define ABANDON(m) if :: cut[m]==0 -> gave_up[epoch[m]]=true :: else -> skip fi
#else
#define ABANDON(m) skip
#endif

proctype saver(byte m) {
  byte s, a, i, v, n, c; byte f[NW]; bool member[N]; bool got, discard;
  do
  :: s==SAVES || closed[m] -> break
  :: else ->
     s++; discard=false;
#ifndef M_NO_BUSY
     atomic { !busy[m] -> busy[m]=true };
     if :: closed[m] -> busy[m]=false; break :: else -> skip fi;
     epoch[m]=epoch[m]+s+(_pid*SAVES);            /* any number that no other save has */
#else
     atomic { epoch[m]==0 -> epoch[m]=s+(_pid*SAVES) };
#endif
     a=FIRST(m);
     do
     :: a==LAST(m) -> break
     :: else -> d_step { f[a]=w[a]; w[a]=w[a]+FROZEN }; a++
     od;
     i=FIRST(m)*NSLOT;
     do
     :: i==LAST(m)*NSLOT -> break
     :: else ->
        v=f[i/NSLOT]; n=STATE(v,i);
#ifndef M_NO_WAIT_DONE
        await(i, v, DONE);
#endif
#ifndef M_NO_WAIT_FILLING
        await(i, v, FILLING);
#endif
        d_step {
          if :: n==DONE || n==FILLING -> v=WORD(i) :: else -> skip fi;
          member[i]=(STATE(v,i)>=INUSE); i++
        }
     od;
#ifndef M_NO_WAIT_INDICATED
#ifdef DEADLINE
     if :: indicating[m]==0 :: goto give_up fi;
#else
     indicating[m]==0;
#endif
#endif
     /* The set is complete. Each packet is in one place. */
     skip; d_step {
       cut[m]=epoch[m];
       i=FIRST(m)*NSLOT;
       do
       :: i==LAST(m)*NSLOT -> break
       :: else ->
          if
          :: member[i] -> assert(in[i]!=0); assert(made[i]); assert(!image[in[i]]); image[in[i]]=true
          :: else -> skip
          fi; i++
       od;
       n=m*R+1;
       do
       :: n>(m+1)*R -> break
       :: else -> assert(image[n]+delivered[n]+gone[n]+(n-m*R>taken[m])==1); n++
       od; n=0; c=0; i=0
     };
#ifdef DISCARD
     /* What the destination has, nobody here reads or holds: the channel is disabled first. */
     if
#ifdef M_DISCARD_OPEN
     :: s==SAVES -> closed[m]=true; discard=true
#else
     :: s==SAVES -> closed[m]=true; !inside; discard=true
#endif
     :: skip
     fi;
#endif
     i=FIRST(m)*NSLOT;                            /* the image was read meanwhile: its packets are all still there */
     do
     :: i==LAST(m)*NSLOT -> break
     :: else -> assert(!member[i] || (STATE(WORD(i),i)>=INUSE && in[i]!=0)); i++
     od;
give_up:
     skip;
#ifndef M_END_ORDER
     d_step { ABANDON(m); epoch[m]=0; cut[m]=0; n=m*R+1; do :: n>(m+1)*R -> break :: else -> image[n]=false; n++ od; n=0 };
#endif
     a=FIRST(m);
     do
     :: a==LAST(m) -> break
     :: else ->
        if
        :: discard ->
#ifdef M_DISCARD_THAWS
           d_step { w[a]=w[a]-FROZEN };
#endif
           clear(a)
        :: else ->
           d_step { c=w[a]; w[a]=w[a]-FROZEN };
           i=a*NSLOT;                             /* what was taken while the word was frozen, released at once */
           do
           :: i==(a+1)*NSLOT -> break
           :: else ->
              if
#ifdef M_THAW_TAKES_ALL
              :: STATE(c,i)==DONE -> DELIVER(i); n=n+3*UNIT(i)
#else
              :: STATE(c,i)==DONE && STATE(f[a],i)!=DONE -> DELIVER(i); n=n+3*UNIT(i)
#endif
              :: else -> skip
              fi;
              i++
           od;
           if :: n!=0 -> d_step { w[a]=w[a]-n; n=0 } :: else -> skip fi;
           i=a*NSLOT;
           do
           :: i==(a+1)*NSLOT -> break
           :: else ->
              if
#ifdef M_THAW_NO_TAKE
              :: STATE(c,i)==DEFERRED -> DELIVER(i); SUB(i,4,v)
#elif !defined(M_THAW_FORGETS)
              :: STATE(c,i)==DEFERRED -> take_deferred(i, got); if :: got -> deliver_and_release(i) :: else -> skip fi
#endif
              :: else -> skip
              fi;
              i++
           od; c=0; v=0; got=false
        fi;
        a++
     od;
#ifdef M_END_ORDER
     skip; d_step { ABANDON(m); epoch[m]=0; cut[m]=0; n=m*R+1; do :: n>(m+1)*R -> break :: else -> image[n]=false; n++ od; n=0 };
#endif
     skip; d_step { a=0; do :: a==NW -> break :: else -> f[a]=0; a++ od; a=0; i=0; do :: i==N -> break :: else -> member[i]=false; i++ od; i=0 };
     busy[m]=false
  od;
  working--
}

#ifdef TEARDOWN
/* Removes the channel of VM m with whatever is in use: no epoch, no image. */
proctype remover(byte m) {
  byte a, i, v, f;
  closed[m]=true; !inside;
#ifndef M_DROP_NO_BUSY
  atomic { !busy[m] -> busy[m]=true };
#endif
  a=FIRST(m);
  do
  :: a==LAST(m) -> break
  :: else ->
     d_step { f=w[a]; w[a]=w[a]+FROZEN };
#ifndef M_DROP_NO_WAIT
     i=a*NSLOT;
     do
     :: i==(a+1)*NSLOT -> break
     :: else ->
        if :: STATE(f,i)==DONE || STATE(f,i)==FILLING -> STATE(WORD(i),i)!=STATE(f,i) :: else -> skip fi; i++
     od;
#endif
     clear(a);
     a++
  od;
  busy[m]=false;
  working--
}
#endif

init {
  byte i, n;
  atomic {
    working=2+NVM*NSAVER; run reader(); run completer();
#ifdef TEARDOWN
    working++; run remover(0);
#endif
    n=0; do :: n==NVM*NSAVER -> break :: else -> run saver(n%NVM); n++ od
  };
  working==0;
  d_step {
    i=0; do :: i==NW -> break :: else -> assert(w[i]==0); i++ od;
    i=1; do :: i>P -> break :: else -> assert(delivered[i]+gone[i]+((i-1)%R>=taken[(i-1)/R])==1); i++ od
  }
}
