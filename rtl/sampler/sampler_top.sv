// sampler_top: the TopK highest ranks of a vector with their ids, in order; the lower id first of equals.
//
// Of each beat only the lanes above the last entry of the list go on, one a cycle, each to its place in the list;
// equal ones come later, so they stay behind. So a beat takes a cycle, and one more for each further candidate in
// it. A beat is compared with the list before the last candidates in front of it are in; so a few of its own may
// come to nothing. Until the list is full every lane is a candidate, so a beat is then compared only when those in
// front of it have left.
//
// Latency:       from the last beat taken to the first entry: 6 cycles, 1 for each further candidate in the last beats.
// Throughput:    as above in; an entry a cycle out, when the vector is over.
// Back-pressure: ready_o depends on registers only.
//
// Parameters:
//   TopK  entries, >= 1
// Ports:
//   rank_i    Nothing in lanes without a value
//   taken_i   the beat is taken in this cycle (valid and ready, with whoever else takes it)
//   m_data_o  {logit, id}; tlast on the last entry. Without any value there is no entry.
//   done_o    one cycle: all entries have left
module sampler_top
  import sampler_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned IdW = 20,
    parameter int unsigned TopK = 8
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] rank_i,
    input  logic [     IdW-1:0] base_i,
    input  logic                last_i,
    input  logic                taken_i,
    output logic                ready_o,
    output logic [  IdW+32-1:0] m_data_o,
    output logic                m_last_o,
    output logic                m_valid_o,
    input  logic                m_ready_i,
    output logic                done_o
);
  localparam int unsigned LaneW = (Lanes > 1) ? $clog2(Lanes) : 1;
  typedef struct packed {
    logic [31:0]    rank;
    logic [IdW-1:0] id;
  } entry_t;

  entry_t [TopK-1:0] list_q;  // 0 is the best; Nothing where there is none

  // ---- a beat, the beat with its candidates, the beat whose candidates leave; the lowest lane first ----------------
  // The lanes in groups: each offers its first candidate, and the first group that has one is taken at its word.
  localparam int unsigned Groups = (Lanes >= 8) ? Lanes / 8 : 1;
  localparam int unsigned GroupLanes = Lanes / Groups;
  typedef logic [GroupLanes-1:0] group_t;
  logic [32*Lanes-1:0] beat_q, above_beat_q, found_q;
  logic [IdW-1:0] beat_base_q, above_base_q, found_base_q;
  logic [Lanes-1:0] above, above_q;
  group_t [Groups-1:0] mask_q;
  logic [Groups-1:0] some_q, more_q, first;  // groups with a candidate, with several; the first one with any
  logic beat_valid_q, beat_last_q, above_valid_q, above_last_q, found_last_q, found_valid_q;
  wire next = more_q == '0 && (some_q & ~first) == '0;  // the last candidate leaves, or there is none
  logic filling_q;
  wire above_ready = next && !(filling_q && above_valid_q);
  assign ready_o = !beat_valid_q || above_ready;
  assign first = some_q & ~(some_q - Groups'(1));

  function automatic group_t but_first(input group_t mask);
    return mask & (mask - GroupLanes'(1));
  endfunction

  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    assign above[i] = beat_q[32*i+:32] > list_q[TopK-1].rank;
  end

  always_ff @(posedge clk_i) begin
    if (ready_o) begin
      beat_q      <= rank_i;
      beat_base_q <= base_i;
      beat_last_q <= last_i;
    end
    if (above_ready) begin
      above_q      <= above;
      above_beat_q <= beat_q;
      above_base_q <= beat_base_q;
      above_last_q <= beat_last_q;
    end
    if (next) begin
      found_q      <= above_beat_q;
      found_base_q <= above_base_q;
      found_last_q <= above_last_q;
    end
    filling_q <= Lanes > 1 && list_q[TopK-1].rank == Nothing;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_valid_q  <= 1'b0;
      above_valid_q <= 1'b0;
      found_valid_q <= 1'b0;
      mask_q        <= '0;
      some_q        <= '0;
      more_q        <= '0;
    end else begin
      if (ready_o) beat_valid_q <= taken_i;
      if (above_ready) above_valid_q <= beat_valid_q;
      else if (next) above_valid_q <= 1'b0;
      if (next) found_valid_q <= above_valid_q;
      for (int unsigned g = 0; g < Groups; g++) begin
        if (next) begin
          mask_q[g] <= above_valid_q ? above_q[GroupLanes*g+:GroupLanes] : '0;
          some_q[g] <= above_valid_q && above_q[GroupLanes*g+:GroupLanes] != '0;
          more_q[g] <= above_valid_q && but_first(above_q[GroupLanes*g+:GroupLanes]) != '0;
        end else if (first[g]) begin
          mask_q[g] <= but_first(mask_q[g]);
          some_q[g] <= more_q[g];
          more_q[g] <= but_first(but_first(mask_q[g])) != '0;
        end
      end
    end
  end

  entry_t [Groups-1:0] offer, offer_q;  // a group's first candidate
  logic offers_end_q;
  always_comb begin
    offer = '0;
    for (int unsigned g = 0; g < Groups; g++) begin
      for (int unsigned i = 0; i < GroupLanes; i++) begin
        if (mask_q[g][i] && !(|(mask_q[g] & group_t'((1 << i) - 1)))) begin
          offer[g].rank = offer[g].rank | found_q[32*(GroupLanes*g+i)+:32];
          offer[g].id   = offer[g].id | IdW'(LaneW'(GroupLanes * g + i));
        end
      end
      offer[g].id = offer[g].id | found_base_q;
    end
  end

  entry_t picked, new_q;  // Nothing: changes nothing
  logic [Groups-1:0] first_q;
  logic end_q, emit_q;
  always_comb begin
    picked = '0;
    for (int unsigned g = 0; g < Groups; g++) if (first_q[g]) picked = picked | offer_q[g];
  end
  always_ff @(posedge clk_i) begin
    offer_q      <= offer;
    first_q      <= first;
    new_q        <= picked;
    offers_end_q <= rst_ni && found_valid_q && found_last_q && next;
    end_q        <= rst_ni && offers_end_q;
    if (!rst_ni) first_q <= '0;
  end

  // ---- the list: insert, or shift out --------------------------------------------------------------------------------
  logic [TopK-1:0] better;
  for (genvar k = 0; k < TopK; k++) begin : gen_better
    assign better[k] = new_q.rank > list_q[k].rank;
  end
  wire some = list_q[0].rank != Nothing;
  wire shift = emit_q && (m_ready_i || !some);

  always_ff @(posedge clk_i) begin
    for (int unsigned k = 0; k < TopK; k++) begin
      if (!rst_ni) list_q[k] <= '0;
      else if (shift) list_q[k] <= (k + 1 < TopK) ? list_q[(k+1)%TopK] : '0;
      else if (better[k]) list_q[k] <= (k > 0 && better[(k+TopK-1)%TopK]) ? list_q[(k+TopK-1)%TopK] : new_q;
    end
    if (!rst_ni) emit_q <= 1'b0;
    else if (end_q) emit_q <= 1'b1;
    else if (shift && (m_last_o || !some)) emit_q <= 1'b0;
    done_o <= rst_ni && shift && (m_last_o || !some);
  end

  assign m_valid_o = emit_q && some;
  assign m_data_o = {number_of(list_q[0].rank), list_q[0].id};
  if (TopK == 1) begin : gen_one
    assign m_last_o = 1'b1;
  end else begin : gen_several
    assign m_last_o = list_q[1%TopK].rank == Nothing;
  end

  a_sorted :
  assert property (@(posedge clk_i) disable iff (!rst_ni) TopK == 1 || list_q[0].rank >= list_q[1%TopK].rank);
  a_quiet :  // nothing is inserted while entries leave
  assert property (@(posedge clk_i) disable iff (!rst_ni) emit_q |-> new_q.rank == Nothing);
endmodule
