// lut2d_sequencer: walks the drain registers, token by token, and keeps the drain pipeline in step.
//
//   A load puts one slot's sums into the drain registers of all tokens (two cycles after load_i); then Units/DrainW steps a token
//   select DrainW of them each, in two stages; stage 3 shifts, 4 adds, 5 writes the wide memory or offers the result.
//
// Throughput:    one slot and token per Units/DrainW cycles: ready_o rises three steps before the end, so that the next load
//                lands when the registers are free. With start values, first and last slots can stall: there, and if
//                Units/DrainW < 8, ready_o rises only after the end (3 more cycles a slot).
// Back-pressure: with start values, a result that is not taken, or a missing start value, stops all stages; one gate lies between
//                m_ready_i and start_ready_o. Without, nothing ever stops: results go to a queue with room for Places slots, and
//                ready_o waits for such a place.
//
// Parameters: see lut2d; Turns  tokens drained one after the other; Places  slots of a token that the queue behind has room for, if Start is 0
// Ports:
//   pop_i  a result has left that queue
module lut2d_sequencer #(
    parameter int unsigned Slots = 16,
    parameter int unsigned Steps = 16,
    parameter int unsigned Turns = 1,
    parameter bit Start = 1'b1,
    parameter int unsigned Places = 2,
    localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1,
    localparam int unsigned StepW = $clog2(Steps),
    localparam int unsigned CountW = $clog2(Turns + 1),
    localparam int unsigned TurnW = (Turns > 1) ? $clog2(Turns) : 1,
    localparam int unsigned AddrW = $clog2(Turns) + SlotW + StepW
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    // from the control, together with what is drained; the drain registers are new two cycles later
    input  logic             load_i,
    input  logic [SlotW-1:0] slot_i,
    input  logic [      2:0] exp_i,
    input  logic             first_i,
    input  logic             last_i,
    input  logic             end_i,
    input  logic [CountW-1:0] turns_i,
    output logic             ready_o,
    // to the datapaths
    output logic             en_o,
    output logic [StepW-1:0] sel_o,   // step at stage 1
    output logic [      1:0] pick_o,  // its low bits, at stage 2
    output logic [TurnW-1:0] turn_o, // whose sums, at stage 2
    output logic [      2:0] exp_o,
    output logic [AddrW-1:0] raddr_o,
    output logic             sum_valid_o,
    output logic             sum_first_o,
    output logic             we_o,
    output logic [AddrW-1:0] waddr_o,
    // streams
    input  logic             start_valid_i,
    output logic             start_ready_o,
    output logic             m_valid_o,
    output logic             m_last_o,
    input  logic             m_ready_i,
    input  logic             pop_i
);
  localparam int unsigned PlaceW = $clog2(Places + 1);
  localparam int unsigned MetaW = SlotW + CountW + 6;

  logic load_q, active_q;
  logic [StepW-1:0] sel_q;
  logic [MetaW-1:0] next_q, meta_q;  // of the slot on its way, of the slot in the drain registers
  logic [SlotW-1:0] slot;
  logic [2:0] exp;
  logic [CountW-1:0] turns;
  logic [TurnW-1:0] turn_q, turn1_q;
  logic first, last, is_end;
  assign {slot, exp, first, last, is_end, turns} = meta_q;

  // stages: 1 first selection, 2 second selection, 3 shifted, 4 added; the registers in front of them
  logic v1_q, first1_q, last1_q, end1_q, v2_q, first2_q, last2_q, end2_q;
  logic v3_q, first3_q, last3_q, end3_q, v4_q, last4_q, end4_q;
  logic [2:0] exp1_q, exp2_q;
  logic [AddrW-1:0] addr1_q, addr2_q, addr3_q, addr4_q;

  wire out_ok = !(v4_q && last4_q) || m_ready_i;
  wire need_start = Start && v3_q && first3_q;
  wire en = out_ok && (!need_start || start_valid_i);
  wire last_turn = CountW'(turn_q) + CountW'(1) == turns;
  wire turn_top = sel_q == StepW'(Steps - 1);
  wire top = turn_top && last_turn;
  wire close = last_turn && sel_q >= StepW'(Steps - 3);  // to the end: the next load comes behind it

  if (Start) begin : gen_stalls
    wire near = Steps >= 8 && close && !first && !last;
    assign ready_o = !load_i && !load_q && (!active_q || near);
    wire unused = pop_i;
  end else begin : gen_flow
    logic [PlaceW-1:0] places_q;
    logic [StepW-1:0] popped_q;
    wire take = load_i && last_i;
    wire give = pop_i && popped_q == StepW'(Steps - 1);
    wire some = places_q >= PlaceW'(Turns);
    assign ready_o = !load_i && !load_q && (!active_q || close) && some;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        places_q <= PlaceW'(Places);
        popped_q <= '0;
      end else begin
        if (pop_i) popped_q <= popped_q + StepW'(1);
        places_q <= places_q - (take ? PlaceW'(turns_i) : '0) + PlaceW'(give);
      end
    end
    a_place :
    assert property (@(posedge clk_i) disable iff (!rst_ni) (take |-> some) and en);
  end

  assign en_o          = en;
  assign sel_o         = sel_q;
  assign pick_o        = addr1_q[1:0];
  assign turn_o       = turn1_q;
  assign exp_o         = exp2_q;
  assign raddr_o       = addr2_q;
  assign sum_valid_o   = v3_q;
  assign sum_first_o   = first3_q;
  assign we_o          = v4_q;
  assign waddr_o       = addr4_q;
  assign start_ready_o = out_ok && need_start;
  assign m_valid_o     = v4_q && last4_q;
  assign m_last_o      = end4_q;

  always_ff @(posedge clk_i) begin
    if (load_i) next_q <= {slot_i, exp_i, first_i, last_i, end_i, turns_i};
    if (load_q) meta_q <= next_q;
    if (en) begin
      turn1_q                                     <= turn_q;
      {addr1_q, exp1_q, first1_q, last1_q, end1_q} <= {AddrW'({turn_q, slot, sel_q}), exp, first, last, is_end && top};
      {addr2_q, exp2_q, first2_q, last2_q, end2_q} <= {addr1_q, exp1_q, first1_q, last1_q, end1_q};
      {addr3_q, first3_q, last3_q, end3_q}         <= {addr2_q, first2_q, last2_q, end2_q};
      {addr4_q, last4_q, end4_q}                   <= {addr3_q, last3_q, end3_q};
    end
    if (!rst_ni) begin
      load_q   <= 1'b0;
      active_q <= 1'b0;
      sel_q    <= '0;
      turn_q  <= '0;
      v1_q     <= 1'b0;
      v2_q     <= 1'b0;
      v3_q     <= 1'b0;
      v4_q     <= 1'b0;
      first3_q <= 1'b0;  // so that it stays a register: at the end of an SRL it would be late for the adders
    end else begin
      load_q <= load_i;
      if (load_q) active_q <= 1'b1;
      else if (en && top) active_q <= 1'b0;
      if (en && active_q) sel_q <= sel_q + StepW'(1);
      if (en && active_q && turn_top) turn_q <= last_turn ? '0 : turn_q + TurnW'(1);
      if (en) {v3_q, v2_q, v1_q} <= {v2_q, v1_q, active_q};
      if (out_ok) v4_q <= en && v3_q;
    end
  end

  a_load_when_free :
  assert property (@(posedge clk_i) disable iff (!rst_ni) load_q |-> !active_q || (en && top));
  a_m_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_last_o));
endmodule
