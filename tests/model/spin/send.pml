/*
 * send.pml: packets that the VSP sends. A packet is the VSP's, queued, in the ring (then with the guest, then answered),
 * or over; a lock orders what the threads of the VSP do, and every change of place lies between a claim or a retake and
 * the publish or the withdrawal that ends it, so that a save sees it done or not begun.
 */
#define R 0
#include "table.pml"
#ifndef SAVES
#define SAVES 2
#endif

/* Where the packet of slot i is; slots and packets are one here: a packet that is over is sent again, TIMES times. */
#ifndef TIMES
#define TIMES 1
#endif
mtype = { vsp, queue, out, guest, answered };
mtype at[N]=vsp;
bool queued[N];                 /* the packet's own note: what its LibBuf says */
byte sent[N];
byte indicating;                /* completion routines that run */
bool life;                      /* the lock of the send queue */
byte working;

#define LOCK atomic { !life -> life=true }
#define UNLOCK life=false

/* Sends what is the VSP's, and flushes what is queued. Room in the ring comes and goes. */
proctype sender() {
  byte i, v; bool got;
  do
  :: atomic { at[0]==vsp && sent[0]<TIMES -> i=0 }; goto send
#if N>1
  :: atomic { at[1]==vsp && sent[1]<TIMES -> i=1 }; goto send
#endif
  :: atomic { queued[0] -> i=0 }; goto flush
#if N>1
  :: atomic { queued[1] -> i=1 }; goto flush
#endif
  :: atomic { sent[0]==TIMES && sent[N-1]==TIMES && !queued[0] && !queued[N-1] -> break };
send:
     LOCK;
     claim(i, got);
     if
     :: !got -> skip
     :: else ->
        if
        :: at[i]=out
        :: at[i]=queue; queued[i]=true
        fi;
        sent[i]=sent[i]+1;
        publish(i)
     fi;
     UNLOCK; goto next;
flush:
     LOCK;
     retake(i, got);
     if
     :: !got -> skip
     :: else ->
        if
        :: at[i]=out;
#ifdef M_QUEUED_LATE
           publish(i); queued[i]=false
#else
           queued[i]=false; publish(i)
#endif
        :: publish(i)                             /* no room */
        fi
     fi;
     UNLOCK;
next: v=0; got=false
  od;
  working--
}

/* The guest, and the thread of the VSP that reads its answers. */
proctype reader() {
  byte i, v; bool got;
  do
  :: d_step { at[0]==out -> at[0]=guest }; at[0]=answered
#if N>1
  :: d_step { at[1]==out -> at[1]=guest }; at[1]=answered
#endif
  :: atomic { at[0]==answered -> i=0 }; goto answer
#if N>1
  :: atomic { at[1]==answered -> i=1 }; goto answer
#endif
  :: atomic { sent[0]==TIMES && sent[N-1]==TIMES && at[0]==vsp && at[N-1]==vsp -> break };
answer:
     if
     :: at[i]!=answered -> skip
     :: else ->
        LOCK;
        retake(i, got);
        if
        :: !got -> UNLOCK
        :: else ->
#ifndef M_CONSUME_LATE
           at[i]=vsp;                             /* its answer leaves the ring */
#endif
           indicating++;
           SUB(i,1,v);
           UNLOCK;
           skip;                                  /* the completion routine */
           indicating--;
#ifdef M_CONSUME_LATE
           at[i]=vsp
#endif
        fi
     fi;
     v=0; got=false
  od;
  working--
}

proctype saver() {
  byte s, i, v, f; bool member[N], note[N];
  do
  :: s==SAVES -> break
  :: else ->
     s++; epoch[0]=s;
     d_step { f=w[0]; w[0]=w[0]+FROZEN };
     i=0;
     do
     :: i==N -> break
     :: else ->
        v=f;
#ifndef M_NO_WAIT_FILLING
        if :: STATE(f,i)==FILLING -> STATE(WORD(i),i)!=FILLING; v=WORD(i) :: else -> skip fi;
#endif
        member[i]=(STATE(v,i)>=INUSE); i++
     od;
#ifndef M_NO_WAIT_INDICATED
     indicating==0;
#endif
     skip; d_step {                               /* each packet is in one place, and its note says in which */
       i=0;
       do
       :: i==N -> break
       :: else ->
          assert(member[i]==(at[i]!=vsp)); assert(!member[i] || queued[i]==(at[i]==queue)); note[i]=queued[i]; i++
       od; i=0; assert(indicating==0)
     };
     do                                           /* the passes read it: it stays so */
     :: i==N -> break
     :: else -> assert(!member[i] || (queued[i]==note[i] && at[i]!=vsp && STATE(w[0],i)==INUSE)); i++
     od;
     epoch[0]=0;
     d_step { w[0]=w[0]-FROZEN; f=0; v=0; i=0; do :: i==N -> break :: else -> member[i]=false; note[i]=false; i++ od; i=0 }
  od;
  working--
}

init {
  atomic { working=3; run sender(); run reader(); run saver() };
  working==0;
  assert(w[0]==0)
}
